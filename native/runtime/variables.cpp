#include "variables.h"

#include <cctype>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace ettin {

namespace {

constexpr int64_t most_threads = 1024;  // far beyond any machine: a larger number is a mistake

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

[[noreturn]] void refuse(const char* name, const std::string& text, const char* pass) {
  throw std::runtime_error(std::string(name) + " is \"" + text + "\". Pass " + pass);
}

// The digits that `at` points to, as a number below 10^15; -1 where there are none, or more.
double digits(const char*& at) {
  const char* begin = at;
  double value = 0;
  for (; std::isdigit(static_cast<unsigned char>(*at)); at++) value = 10 * value + (*at - '0');
  return at == begin || at - begin > 15 ? -1 : value;
}

}  // namespace

int threads_variable() {
  const char* const name = "ETTIN_NUM_THREADS";
  const std::string text = variable(name);
  if (text.empty()) return 0;
  const char* at = text.c_str();
  const double threads = digits(at);
  if (*at || threads < 1 || threads > most_threads) {
    refuse(name, text, "a whole number from 1 to 1024, or unset it for the physical cores.");
  }
  return static_cast<int>(threads);
}

int64_t memory_limit_variable() {
  const char* const name = "ETTIN_MEMORY_LIMIT";
  const std::string text = variable(name);
  if (text.empty()) return 0;
  const char* at = text.c_str();
  double value = digits(at);
  bool good = value >= 0;
  if (good && *at == '.') {
    const char* begin = ++at;
    const double part = digits(at);
    good = part >= 0;
    double scale = 1;
    for (const char* c = begin; c < at; c++) scale *= 10;
    value += part / scale;
  }
  for (const char* unit = "KMG"; *unit && *at; unit++) {
    value *= 1024;
    if (std::toupper(static_cast<unsigned char>(*at)) == *unit) {
      at++;
      break;
    }
  }
  if (!good || *at || value < 1 || value > 1e18) {
    refuse(name, text, "a number of bytes, or one with K, M or G behind it: \"8G\". Unset it for all of the memory.");
  }
  return static_cast<int64_t>(value);
}

}  // namespace ettin
