// Which instruction-set levels this build has, which of them this machine runs, and their kernels.
#pragma once

#include <string>
#include <vector>

#include "../kernels.h"

namespace ettin {

struct Level {
  const char* name;
  const Kernels* kernels;
  bool (*supported)();
};

const std::vector<Level>& levels();  // ascending: the last supported one is the best

// ETTIN_CPU_LEVEL or `name` where not empty, else the best. Throws std::runtime_error that says what there is.
const Level& choose_level(const std::string& name);

}  // namespace ettin
