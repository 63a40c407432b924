// The table of kernels: nothing here is written per kernel.
#include "kernel_task.h"

namespace ettin {

namespace {

std::string camel_case(const char* name) {
  std::string text;
  bool upper = false;
  for (; *name; name++) {
    if (*name == '_') {
      upper = true;
    } else {
      text += upper && *name >= 'a' && *name <= 'z' ? static_cast<char>(*name - 'a' + 'A') : *name;
      upper = false;
    }
  }
  return text;
}

constexpr const char* dtypes[] = {"float32", "bfloat16", "int32", "int8", "uint8"};

}  // namespace

void refuse_dtype(double code) {
  const bool known = code >= 0 && code <= static_cast<int32_t>(DType::uint8);
  throw std::runtime_error("a tensor is " +
                           (known ? dtypes[static_cast<int32_t>(code)] : "of dtype " + std::to_string(code)) +
                           ", but kernels compute in float32, bfloat16 and int32. Pass a tensor of one of these.");
}

std::string describe(const View& view) {
  std::string text = "[";
  for (int32_t d = 0; d < view.dims; d++) text += (d ? "," : "") + std::to_string(view.shape[d]);
  return text + "] " + dtypes[static_cast<int32_t>(view.dtype)];
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
#define ETTIN_BIND(name, parameters) \
  {camel_case(#name), Bound<&Kernels::name>::signature(), Bound<&Kernels::name>::make},
      ETTIN_KERNELS(ETTIN_BIND)
#undef ETTIN_BIND
  };
  return table;
}

}  // namespace ettin
