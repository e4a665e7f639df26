"""`vevgw demo`: a whole charging session on real parts, shown live and checked."""
