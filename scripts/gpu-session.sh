#!/usr/bin/env bash
# scripts/gpu-session.sh [step…]: on a machine with a GPU and nothing of ours, from the archive of npm run gpu:bundle:
#
#   setup      unpacks Node and the bundle into $WORK, finds cuBLASLt, asks for the GPUs (every step does it first)
#   facts      the kernel, the driver, the GPU, the compiler, what the addon sees
#   build      builds the CUDA kernels again with the machine's nvcc
#   ops        the tests of the ops;  suite: all tests that compute, suite=1/2 half of them;  test=FILTER: those whose
#              path has it
#   sanitize   compute-sanitizer over some ops: memory, values never written, races;  sanitize=TOOL: one of memcheck,
#              initcheck, racecheck, synccheck
#   bench      pretraining, encoding and ranking of pairs beside PyTorch, size by size;  bench=WORDS: one line, "mlm-train 150m"
#
# Without a step: facts, ops, bench, suite, sanitize. Each has a time limit, and all of one call $SECONDS_IN_ALL: where a
# command may only take minutes, make one call a step. What is printed is also in $OUT/<step>.log. $RELEASE is the folder
# with the archives.
set -uo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
RELEASE=${RELEASE:-$ROOT/release}
WORK=${WORK:-/tmp/ettin-gpu}
OUT=${OUT:-$RELEASE/gpu}
SECONDS_IN_ALL=${SECONDS_IN_ALL:-570}
mkdir -p "$OUT" "$WORK"
SECONDS=0

# step NAME LIMIT COMMAND…: runs it in the bundle, no longer than what is left.
step() {
  local name=$1 limit=$2 left=$((SECONDS_IN_ALL - SECONDS)) start=$SECONDS code
  shift 2
  if [ "$left" -lt 15 ]; then
    echo "== $name: not started, the time is up"
    return
  fi
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  (cd "$WORK" && timeout --kill-after=10 "$limit" "$@") >>"$OUT/$name.log" 2>&1
  code=$?
  echo "== $name: code $code after $((SECONDS - start)) s$([ $code = 124 ] && echo ", its limit")"
  tail -n "${LINES_SHOWN:-12}" "$OUT/$name.log"
}

# Fails where an archive is missing or cut off; what is half unpacked is unpacked again.
unpack() {
  local node
  if [ ! -x "$WORK/node" ]; then
    node=$(ls "$RELEASE"/node-*.xz | sort -V | tail -n 1) || return
    decompress "$node" >"$WORK/node.part" && chmod +x "$WORK/node.part" && mv "$WORK/node.part" "$WORK/node" || return
  fi
  export PATH=$WORK:$PATH
  if [ ! -e "$WORK/unpacked" ] || [ "$RELEASE/gpu-bundle.tar.xz" -nt "$WORK/unpacked" ]; then
    decompress "$RELEASE/gpu-bundle.tar.xz" | tar -x --touch -C "$WORK" || return
    touch "$WORK/unpacked"
  fi
}

# Once, before anything runs at the same time: reading the driver and cuBLASLt from a cold disk takes its time.
ask_for_gpus() {
  if [ -e "$WORK/asked" ] && [ "$WORK/asked" -nt "$WORK/unpacked" ]; then return; fi
  (cd "$WORK" && timeout --kill-after=10 120 node run.mjs --probe) >"$OUT/setup.log" 2>&1 && touch "$WORK/asked"
  tail -n 4 "$OUT/setup.log"
}

decompress() {
  if command -v xz >/dev/null; then
    xz -dc "$1"
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  fi
}

# The library looks where the system keeps libraries; Python's packages keep theirs elsewhere.
find_cublaslt() {
  if [ -n "${ETTIN_CUBLASLT:-}" ] || ldconfig -p 2>/dev/null | grep 'libcublasLt\.so\.1[23]' >/dev/null; then return; fi
  local newest found
  newest=$(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p')
  # By the version in the name of the file behind the link, the newest that the driver runs.
  found=$(find /usr /opt /root -name 'libcublasLt.so.1[23]' -not -path '*/stubs/*' 2>/dev/null | while read -r file; do
    if [ -z "$newest" ] || [ "${file##*.so.}" -le "$newest" ]; then
      echo "$(basename "$(readlink -f "$file")") $file"
    fi
  done | sort -V | tail -n 1 | cut -d ' ' -f 2-)
  if [ -n "$found" ]; then export ETTIN_CUBLASLT=$found; fi
}

facts() {
  uname -r
  nvidia-smi
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory --format=csv
  nvcc --version
  echo "cuBLASLt: ${ETTIN_CUBLASLT:-as the system has it}"
  node --version
  node native/cuda-probe.js "${ETTIN_CUDA_LIBRARY:-$WORK/native/build/cuda/libettin_cuda.so}"
  python3 -c 'import torch; print("torch", torch.__version__, torch.cuda.get_device_name())'
}

# Each tensor in memory of its own: in a segment that many share no tool sees where one ends.
sanitize() {
  local tool=$1
  shift
  ETTIN_GPU_MEMORY=exact compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 9 --print-limit 20 \
    node node_modules/vitest/vitest.mjs run --maxWorkers=4 --testTimeout=300000 "$@"
}

benchmark() {
  node --expose-gc --import ./scripts/typescript.mjs scripts/bench-file.mjs bench/gpu.bench.ts \
    "{\"quick\":${QUICK:-false},\"only\":\"$1\"}"
}

unpack || {
  echo "== setup: $RELEASE has no whole node-*.xz and gpu-bundle.tar.xz. Make them with npm run gpu:bundle."
  exit 1
}
find_cublaslt
ask_for_gpus
export -f facts sanitize benchmark
export WORK

for name in "${@:-all}"; do
  case $name in all) set -- facts ops bench suite sanitize ;; esac
done
for name in "$@"; do
  case $name in
    setup) ;;
    facts) LINES_SHOWN=42 step facts 90 bash -c facts ;;
    build) step build 400 node scripts/build-cuda.mjs --targets "${TARGETS:-sm_90a}" ;;
    ops) step ops 300 node run.mjs test/core/ops/ ;;
    suite) LINES_SHOWN=30 step suite 540 node run.mjs ;;
    suite=*) LINES_SHOWN=30 step "suite-$(tr / - <<<"${name#suite=}")" 540 node run.mjs --shard "${name#suite=}" ;;
    test=*) LINES_SHOWN=60 step "test-$(tr -c 'a-zA-Z0-9\n' '-' <<<"${name#test=}")" 300 node run.mjs "${name#test=}" ;;
    sanitize | sanitize=*)
      export ETTIN_TEST_DEVICES=cuda ETTIN_CUDA_LIBRARY="${ETTIN_CUDA_LIBRARY:-$WORK/native/build/cuda/libettin_cuda.so}"
      tools=memcheck,initcheck,racecheck limit=190
      if [ "$name" != sanitize ]; then tools=${name#sanitize=} limit=540; fi
      for tool in ${tools//,/ }; do
        tests=(attention self-attention linear layer-norm sum embedding)
        case $tool in racecheck | synccheck) tests=(self-attention layer-norm sum softmax) ;; esac
        tests=("${tests[@]/#/test/core/ops/}")
        step "sanitize-$tool" "$limit" bash -c 'sanitize "$@"' - "$tool" "${tests[@]/%/.test.ts}"
      done
      ;;
    bench)
      for line in "mlm-train 17m" "mlm-train 68m" "mlm-train 150m" "mlm-train 400m" "mlm-train 1b" "encode 17m" "encode 150m" "encode 1b" "dense-train 17m" "dense-train 150m"; do
        LINES_SHOWN=2 step bench 150 bash -c 'benchmark "$1"' - "$line"
      done
      ;;
    bench=*) LINES_SHOWN=8 step bench 400 bash -c 'benchmark "$1"' - "${name#bench=}" ;;
    *) echo "there is no step $name: setup, facts, build, ops, suite, suite=1/2, test=…, sanitize, sanitize=…, bench, bench=…" ;;
  esac
done
