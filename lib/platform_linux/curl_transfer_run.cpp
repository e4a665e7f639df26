#include "platform_linux/curl_transfer_job.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/trusted_roots.hpp"
#include "security/pem_authority.hpp"

#include <algorithm>
#include <cstdio>
#include <openssl/ssl.h>
#include <unistd.h>

namespace platform_linux {

using State = platform::TransferStatus::State;

namespace {

constexpr int kMaxRedirects = 5;
constexpr long kRangeNotSatisfiable = 416;

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::string describe(CURLcode code, long reply) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "the name of the server cannot be resolved";
    case CURLE_COULDNT_CONNECT:
      return "the server cannot be reached";
    case CURLE_OPERATION_TIMEDOUT:
      return "the server was silent for too long";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "the certificate of the server is not trusted";
    case CURLE_LOGIN_DENIED:
      return "the server refused the login";
    case CURLE_REMOTE_FILE_NOT_FOUND:
      return "the server has no such file";
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_UPLOAD_FAILED:
      return "the server refused the file (" + std::to_string(reply) + ")";
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "the connection broke";
    default:
      return std::string("the transfer failed: ") + curl_easy_strerror(code);
  }
}

/// A target of a redirect, with the login of the URL before it where it is the same server's.
std::string with_login_of(const std::string& from, const std::string& target) {
  const CurlUrl before = parse_url(from);
  const CurlUrl next = parse_url(target);
  if (before == nullptr || next == nullptr) return target;
  const bool is_same =
      part_of(before.get(), CURLUPART_SCHEME) == part_of(next.get(), CURLUPART_SCHEME) &&
      part_of(before.get(), CURLUPART_HOST) == part_of(next.get(), CURLUPART_HOST) &&
      part_of(before.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT) ==
          part_of(next.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!is_same || !part_of(next.get(), CURLUPART_USER).empty()) return target;
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD}) {
    const std::string value = part_of(before.get(), part);
    if (!value.empty()) (void)curl_url_set(next.get(), part, value.c_str(), 0);
  }
  return part_of(next.get(), CURLUPART_URL);
}

/// The calls of curl for one job, in the network thread.
class Run {
 public:
  using Job = CurlFileTransfer::Job;

  explicit Run(Job& job) : job_(job), easy_(curl_easy_init()) {}

  void carry_out() {
    if (easy_ == nullptr) return finish("there is no memory for the transfer");
    std::string url = job_.url;
    if (!read_trusted_roots(job_.trust.ca_file.c_str(), roots_).empty())
      return finish("the CA file cannot be read");
    for (int redirects = 0;;) {
      const CURLcode code = perform(url);
      long reply = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reply);
      if (job_.is_cancelled) return finish("cancelled");
      double took_s = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_TOTAL_TIME, &took_s);
      if (code == CURLE_OPERATION_TIMEDOUT &&
          took_s + 0.5 >= static_cast<double>(job_.total_timeout_s))
        return finish("the transfer took too long");
      if (must_begin_anew(code, reply)) {
        offset_ = 0;
        continue;
      }
      if (certificate_fault_ != platform::CertificateFault::kNone) {
        return finish(std::string("the certificate of the server is not trusted (") +
                      to_string(certificate_fault_) + ")");
      }
      if (*why_ != '\0') return finish(why_);
      if (code != CURLE_OK) return finish(describe(code, reply));
      if (!is_http_ || reply < 300)
        return finish(is_http_ && !job_.is_upload ? fault_of_head() : "");
      char* target = nullptr;
      curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &target);
      if (reply < 400 && target != nullptr) {
        if (++redirects > kMaxRedirects) return finish("the server redirects too often");
        const bool was_tls = url.compare(0, 6, "https:") == 0;
        url = with_login_of(url, target);
        const bool is_tls = url.compare(0, 6, "https:") == 0;
        if (!is_tls && (was_tls || url.compare(0, 5, "http:") != 0))
          return finish("the server redirects to where it is not safe to go");
        continue;
      }
      if (job_.is_upload && !is_post_ && (reply == 405 || reply == 501)) {
        is_post_ = true;
        continue;
      }
      if (!job_.is_upload && reply == kRangeNotSatisfiable && range_total_ == job_.offset) {
        begin(job_.offset);  // it was complete already
        return finish("");
      }
      return finish("the server answered " + std::to_string(reply));
    }
  }

 private:
  bool must_begin_anew(CURLcode code, long reply) const {
    if (job_.is_upload || offset_ == 0 || job_.has_begun) return false;
    if (is_other_part_) return true;
    if (code == CURLE_BAD_DOWNLOAD_RESUME || code == CURLE_FTP_COULDNT_USE_REST) return true;
    return code == CURLE_OK && reply == kRangeNotSatisfiable && range_total_ != offset_;
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  CURLcode perform(const std::string& url) {
    curl_easy_reset(easy_.get());
    range_start_ = range_total_ = 0;
    is_other_part_ = is_chunked_ = is_packed_ = false;
    why_ = "";
    sent_ = 0;
    is_http_ = url.compare(0, 4, "http") == 0;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, url.substr(0, url.find(':')).c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_USERAGENT, "vev-gateway");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));  // As the board's client.
    set(CURLOPT_CONNECTTIMEOUT, job_.connect_timeout_s);
    set(CURLOPT_TIMEOUT, job_.total_timeout_s);
    set(CURLOPT_SERVER_RESPONSE_TIMEOUT, job_.stall_timeout_s);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, job_.stall_timeout_s);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // on_certificates() judges, as the link to the CSMS does.
    set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    set(CURLOPT_SSL_CTX_DATA, this);
    set(CURLOPT_SSL_CTX_FUNCTION, &on_context);
    host_ = part_of(parse_url(url).get(), CURLUPART_HOST);
    if (job_.must_switch_to_tls) set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFODATA, &job_);
    set(CURLOPT_XFERINFOFUNCTION, &on_progress);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_WRITEFUNCTION, &on_data);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    if (job_.is_upload) {
      list = curl_slist_append(list, "Content-Type: application/octet-stream");
      set(CURLOPT_READDATA, this);
      set(CURLOPT_READFUNCTION, &on_room);
      set(CURLOPT_FTP_CREATE_MISSING_DIRS, static_cast<long>(CURLFTP_CREATE_DIR));
      if (is_post_) {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(job_.file_bytes));
      } else {
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(job_.file_bytes));
      }
    } else if (offset_ > 0 && is_http_) {
      // Not RESUME_FROM: with it curl fails when the server sends the whole file.
      set(CURLOPT_RANGE, (std::to_string(offset_) + "-").c_str());
      if (!job_.known_validator.empty())
        list = curl_slist_append(list, ("If-Range: " + job_.known_validator).c_str());
    } else if (!is_http_) {
      set(CURLOPT_FILETIME, 1L);  // MDTM
    }
    // Of TLS 1.3 the server's tickets would lie unread on the data connection when curl closes it: that resets it, and the
    // server loses the end of the file.
    if (job_.is_upload && !is_http_)
      set(CURLOPT_SSLVERSION,
          static_cast<long>(CURL_SSLVERSION_TLSv1_2) | CURL_SSLVERSION_MAX_TLSv1_2);
    if (!job_.is_upload && !is_http_ && offset_ > 0) {
      set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset_));
    }
    const std::unique_ptr<curl_slist, ListDeleter> headers(list);
    set(CURLOPT_HTTPHEADER, headers.get());
    return curl_easy_perform(easy_.get());
  }

  void begin(uint32_t at) {
    const std::lock_guard<std::mutex> lock(job_.mutex);
    job_.has_begun = true;
    job_.begins_at = at;
    curl_off_t length = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0) job_.total_bytes = at + static_cast<uint32_t>(length);
  }

  /// What the server's last word means: the codes of HTTP and FTP do not overlap here.
  platform::TransferStatus::Fault fault() const {
    using Fault = platform::TransferStatus::Fault;
    long code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    if (code == 401 || code == 403 || code == 530 || code == 532) return Fault::kDenied;
    return (code >= 400 && code < 500) || code >= 550 ? Fault::kRefused : Fault::kOther;
  }

  void finish(const std::string& error) {
    if (error.empty() && !job_.is_upload && !job_.has_begun) begin(offset_);
    const std::lock_guard<std::mutex> lock(job_.mutex);
    job_.error = error;
    job_.fault = error.empty() ? platform::TransferStatus::Fault::kOther : fault();
    job_.state = error.empty() ? State::kDone : State::kFailed;
  }

  /// What makes a response one that cannot be believed to be the whole file; "" = nothing.
  const char* fault_of_head() const {
    curl_off_t length = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (is_packed_) return "the server packs the file, which was not asked for";
    // Anybody can end a connection.
    return length < 0 && !is_chunked_ ? "the server does not tell the length of the file" : "";
  }

  size_t take(const char* data, size_t size) {
    if (job_.is_upload) return size;
    long reply = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reply);
    if (is_http_ && reply != 200 && reply != 206) return size;  // an error page
    is_other_part_ = is_http_ && reply == 206 && range_start_ != offset_;
    if (is_other_part_) return 0;
    if (is_http_) why_ = fault_of_head();
    if (*why_ != '\0') return 0;
    if (!job_.has_begun) begin(is_http_ ? (reply == 206 ? range_start_ : 0) : offset_);
    std::unique_lock<std::mutex> lock(job_.mutex);
    for (size_t done = 0; done < size;) {
      job_.room.wait(lock, [this] {
        return job_.is_cancelled || job_.buffer.size() - job_.taken < job_.buffer_bytes;
      });
      if (job_.is_cancelled) return 0;
      job_.buffer.erase(job_.buffer.begin(),
                        job_.buffer.begin() + static_cast<std::ptrdiff_t>(job_.taken));
      job_.taken = 0;
      const size_t part = std::min(size - done, job_.buffer_bytes - job_.buffer.size());
      job_.buffer.insert(job_.buffer.end(), data + done, data + done + part);
      done += part;
    }
    return size;
  }

  /// When the file was changed is all that identifies it: the reply to MDTM.
  void take_reply(const std::string& line) {
    char changed[15] = "";
    if (job_.is_upload || std::sscanf(line.c_str(), "213 %14[0-9]", changed) != 1 ||
        changed[13] == '\0')
      return;
    is_other_part_ =
        offset_ > 0 && !job_.known_validator.empty() && job_.known_validator != changed;
    const std::lock_guard<std::mutex> lock(job_.mutex);
    job_.last_modified = changed;
  }

  void take_header(const std::string& line) {
    unsigned long start = 0;
    unsigned long total = 0;
    std::string lower = line;
    std::transform(lower.begin(), lower.end(), lower.begin(), &common::ascii_lower);
    if (std::sscanf(lower.c_str(), "content-range: bytes %lu-%*u/%lu", &start, &total) >= 1) {
      range_start_ = static_cast<uint32_t>(start);
    } else if (std::sscanf(lower.c_str(), "content-range: bytes */%lu", &total) == 1) {
      range_total_ = static_cast<uint32_t>(total);
    } else if (lower.compare(0, 18, "transfer-encoding:") == 0) {
      is_chunked_ = lower.find("chunked") != std::string::npos;
    } else if (lower.compare(0, 17, "content-encoding:") == 0) {
      is_packed_ = lower.find("identity") == std::string::npos;
    } else if (lower.compare(0, 7, "etag: \"") == 0) {
      // A weak one ("W/...") promises too little.
      const std::lock_guard<std::mutex> lock(job_.mutex);
      job_.etag = line.substr(6, line.find_last_not_of("\r\n ") - 5);
    } else if (lower.compare(0, 15, "last-modified: ") == 0) {
      const std::lock_guard<std::mutex> lock(job_.mutex);
      job_.last_modified = line.substr(15, line.find_last_not_of("\r\n ") - 14);
    }
  }

  platform::CertificateFault judge(X509_STORE_CTX* context) {
    const STACK_OF(X509)* const certificates = X509_STORE_CTX_get0_untrusted(context);
    std::vector<std::string> ders;
    for (int i = 0; i < sk_X509_num(certificates); ++i) {
      unsigned char* der = nullptr;
      const int size = i2d_X509(sk_X509_value(certificates, i), &der);
      if (size <= 0) return platform::CertificateFault::kMalformed;
      ders.emplace_back(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
      OPENSSL_free(der);
    }
    if (ders.size() > platform::TlsAuthority::kMaxChain)
      return platform::CertificateFault::kTooLarge;
    std::vector<common::ByteSpan> chain;
    for (const std::string& der : ders)
      chain.push_back(common::as_bytes(common::TextSpan(der.data(), der.size())));
    security::PemAuthority authority(
        common::TextSpan(roots_.data(), roots_.size()), job_.trust.authority,
        std::max(clock_.utc(), job_.trust.earliest_utc), job_.trust.allow_wildcard);
    return authority
        .judge_server(common::Span<const common::ByteSpan>(chain.data(), chain.size()),
                      common::TextSpan(host_.data(), host_.size()))
        .fault;
  }

  static CURLcode on_context(CURL*, void* context, void* self) {
    SSL_CTX_set_cert_verify_callback(static_cast<SSL_CTX*>(context), &on_certificates, self);
    return CURLE_OK;
  }
  static int on_certificates(X509_STORE_CTX* context, void* self) {
    Run& run = *static_cast<Run*>(self);
    run.certificate_fault_ = run.judge(context);
    const bool is_trusted = run.certificate_fault_ == platform::CertificateFault::kNone;
    X509_STORE_CTX_set_error(context, is_trusted ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    return is_trusted ? 1 : 0;
  }
  static size_t on_data(char* data, size_t, size_t size, void* self) {
    return static_cast<Run*>(self)->take(data, size);
  }
  static size_t on_header(char* data, size_t, size_t size, void* self) {
    Run& run = *static_cast<Run*>(self);
    const std::string line(data, size);
    if (run.is_http_) {
      run.take_header(line);
    } else {
      run.take_reply(line);
      if (run.is_other_part_) return 0;
    }
    return size;
  }
  static size_t on_room(char* out, size_t, size_t size, void* self) {
    Run& run = *static_cast<Run*>(self);
    const ssize_t got = ::pread(run.job_.file.get(), out, size, static_cast<off_t>(run.sent_));
    if (got < 0) return CURL_READFUNC_ABORT;
    run.sent_ += static_cast<size_t>(got);
    return static_cast<size_t>(got);
  }
  static int on_progress(void* job, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const Job*>(job)->is_cancelled ? 1 : 0;
  }

  Job& job_;
  const std::unique_ptr<CURL, EasyDeleter> easy_;
  uint32_t offset_ = job_.offset;
  bool is_http_ = false;
  bool is_post_ = false;
  bool is_other_part_ = false;  ///< The server sends a part that was not asked for.
  bool is_chunked_ = false;
  bool is_packed_ = false;
  const char* why_ = "";  ///< What the file is refused for.
  uint32_t range_start_ = 0;
  uint32_t range_total_ = 0;
  size_t sent_ = 0;
  LinuxClock clock_;
  std::string host_;
  std::string roots_;  ///< PEM text.
  platform::CertificateFault certificate_fault_ = platform::CertificateFault::kNone;
};

}  // namespace

std::string part_of(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

CurlUrl parse_url(const std::string& text) {
  CurlUrl url(curl_url());
  if (url == nullptr || text.find("://") == std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return nullptr;
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  const bool is_known =
      scheme == "http" || scheme == "https" || scheme == "ftp" || scheme == "ftps";
  return is_known && !part_of(url.get(), CURLUPART_HOST).empty() ? std::move(url) : nullptr;
}

void carry_out(CurlFileTransfer::Job& job) { Run(job).carry_out(); }

}  // namespace platform_linux
