// Environment variables, read strictly: what cannot be understood is an error that says what to pass, and a variable
// that is unset or empty is the default.
#pragma once

#include <cstdint>

namespace ettin {

// ETTIN_NUM_THREADS: a whole number from 1 to 1024; 0: unset.
int threads_variable();

// ETTIN_MEMORY_LIMIT in bytes: a number, or one with K, M or G behind it, of 1024; 0: unset.
int64_t memory_limit_variable();

}  // namespace ettin
