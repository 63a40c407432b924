// hnswlib from C++, on the vectors that bench/index.bench.ts wrote: builds a graph with one thread, then searches it one
// query after the other with each ef. Prints one JSON line.
//
//   g++ -O3 -march=native -I /usr/include hnswlib.cpp -o hnswlib
//   ./hnswlib vectors.bin queries.bin truth.bin dim m ef_construction k ef,ef,…
//
// vectors and queries: float32 rows of length 1. truth: int32, the k nearest rows of each query.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "hnswlib/hnswlib.h"

template <typename T>
static std::vector<T> read(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    std::fprintf(stderr, "cannot open %s\n", path);
    std::exit(1);
  }
  std::vector<T> values(static_cast<size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), values.size() * sizeof(T));
  return values;
}

static double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fprintf(stderr, "usage: %s vectors queries truth dim m ef_construction k ef,ef\n", argv[0]);
    return 1;
  }
  const std::vector<float> vectors = read<float>(argv[1]), queries = read<float>(argv[2]);
  const std::vector<int32_t> truth = read<int32_t>(argv[3]);
  const size_t dim = std::stoul(argv[4]), m = std::stoul(argv[5]), ef_construction = std::stoul(argv[6]);
  const size_t k = std::stoul(argv[7]), rows = vectors.size() / dim, count = queries.size() / dim;

  hnswlib::InnerProductSpace space(dim);
  hnswlib::HierarchicalNSW<float> index(&space, rows, m, ef_construction, 100);
  double start = seconds();
  for (size_t i = 0; i < rows; i++) index.addPoint(vectors.data() + i * dim, i);
  std::printf("{\"build_s\": %.3f, \"searches\": [", seconds() - start);

  std::stringstream list(argv[8]);
  std::string word;
  for (bool first = true; std::getline(list, word, ','); first = false) {
    index.setEf(std::stoul(word));
    size_t hits = 0;
    double best = 1e9;
    for (int repeat = 0; repeat < 3; repeat++) {
      hits = 0;
      start = seconds();
      for (size_t q = 0; q < count; q++) {
        auto found = index.searchKnn(queries.data() + q * dim, k);
        const std::set<int32_t> right(truth.begin() + q * k, truth.begin() + (q + 1) * k);
        for (; !found.empty(); found.pop()) hits += right.count(static_cast<int32_t>(found.top().second));
      }
      best = std::min(best, seconds() - start);
    }
    std::printf("%s{\"ef\": %s, \"ms\": %.4f, \"recall\": %.4f}", first ? "" : ", ", word.c_str(), 1e3 * best / count,
                static_cast<double>(hits) / (count * k));
  }
  std::printf("]}\n");
}
