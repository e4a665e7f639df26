#define DOCTEST_CONFIG_IMPLEMENT
#include "doctest_main/doctest_main.hpp"

#include <iostream>
#include <string>

namespace {

/// Prints what PlatformIO needs to count a case that passed. doctest's own option for that (success) prints every
/// check instead: megabytes for the exhaustive suites, which PlatformIO takes minutes to read.
class PassedCases final : public doctest::IReporter {
 public:
  explicit PassedCases(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData& data) override { case_ = &data; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    if (stats.failure_flags != 0) return;  // doctest itself has reported it.
    std::cout << std::string(79, '=') << "\n"
              << case_->m_file.c_str() << ":" << case_->m_line << ":\nTEST CASE:  " << case_->m_name
              << "\n\n";
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  const doctest::TestCaseData* case_ = nullptr;
};

REGISTER_LISTENER("platformio", 1, PassedCases);

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context;
  // PlatformIO judges by itself, from the output.
  context.setOption("no-exitcode", true);
  context.applyCommandLine(argc, argv);
  return context.run();
}
