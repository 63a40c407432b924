{
  # One static library per instruction-set level from the same sources (cpu/), each with its flags, and the
  # addon, built for the baseline, that picks a table of kernels at run time. ETTIN_SANITIZE=address,undefined
  # builds with sanitizers, ETTIN_WITHOUT_AVX512=1 leaves out two of the four levels: for a machine that cannot run them
  # anyway, where only the tests matter. ETTIN_EMULATED=lanes adds a level of 16 plain lanes, ETTIN_EMULATED=avx512 the
  # two of AVX-512 on emulated instructions: for tests (npm run test:emulated).
  "variables": {
    "kernel_sources": ["<!@(node units.mjs)"],
    "sanitize%": "<!(node -p \"process.env.ETTIN_SANITIZE || ''\")",
    "avx512%": "<!(node -p \"process.env.ETTIN_WITHOUT_AVX512 ? 0 : 1\")",
    "emulated%": "<!(node -p \"process.env.ETTIN_EMULATED || ''\")"
  },
  "target_defaults": {
    "cflags_cc!": ["-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20", "-O3", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno"],
    "cflags!": ["-fno-exceptions"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "13.0",
      "OTHER_CPLUSPLUSFLAGS": ["-O3", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fno-math-errno"]
    },
    "msvs_settings": {
      "VCCLCompilerTool": { "ExceptionHandling": 1, "AdditionalOptions": ["/std:c++20", "/clang:-ffp-contract=off"] }
    },
    "conditions": [
      ["OS=='win'", { "msbuild_toolset": "ClangCL" }],
      ["sanitize!=''", {
        "cflags_cc": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", "-g1", "-O1"],
        "cflags_cc!": ["-O3"],
        "ldflags": ["-fsanitize=<(sanitize)"]
      }]
    ]
  },
  "targets": [
    {
      "target_name": "ettin",
      "sources": [
        "binding/addon.cpp", "binding/device.cpp", "binding/environment.cpp", "binding/kernel_table.cpp",
        "binding/tokenizers.cpp",
        "runtime/allocator.cpp", "runtime/dispatch.cpp", "runtime/gpu.cpp", "runtime/gpu_memory.cpp", "runtime/graph.cpp", "runtime/kernel_call.cpp", "runtime/stream.cpp", "runtime/thread_pool.cpp", "runtime/variables.cpp",
        "runtime/weight_form.cpp",
        "tokenizer/added_tokens.cpp", "tokenizer/merges.cpp", "tokenizer/normal_form.cpp", "tokenizer/queue.cpp",
        "tokenizer/split.cpp", "tokenizer/tokenizer.cpp", "tokenizer/unicode.cpp"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "cflags_cc!": ["-fno-exceptions"],
      # A worker that is being ended refuses every exception: one more is not worth the process.
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "dependencies": ["kernels_baseline"],
      "conditions": [
        ["target_arch=='x64'", { "dependencies": ["kernels_avx2"] }],
        ["target_arch=='x64' and avx512==1", { "dependencies": ["kernels_avx512", "kernels_avx512_bf16"] }],
        ["target_arch=='x64' and avx512==0", { "defines": ["ETTIN_WITHOUT_AVX512"] }],
        ["emulated=='lanes'", { "dependencies": ["kernels_emulated"], "defines": ["ETTIN_EMULATED_LANES"] }],
        ["emulated=='avx512'", {
          "dependencies": ["kernels_emulated_avx512", "kernels_emulated_avx512_bf16"],
          "defines": ["ETTIN_EMULATED_AVX512"]
        }]
      ]
    },
    {
      "target_name": "kernels_baseline",
      "type": "static_library",
      "sources": ["<@(kernel_sources)"],
      "defines": ["ETTIN_LEVEL=baseline"]
    }
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["ETTIN_LEVEL=avx2"],
          "cflags_cc": ["-mavx2", "-mfma", "-mf16c"],
          "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma", "-mf16c"] },
          "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["-mavx2", "-mfma", "-mf16c"] } }
        }
      ]
    }],
    ["target_arch=='x64' and avx512==1", {
      "targets": [
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["ETTIN_LEVEL=avx512"],
          "variables": { "flags": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mf16c"] },
          # GCC 12 reports its own AVX-512 intrinsics as reading uninitialised values.
          "cflags_cc": ["<@(flags)", "-Wno-uninitialized", "-Wno-maybe-uninitialized"],
          "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["<@(flags)"] },
          "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["<@(flags)"] } }
        },
        {
          "target_name": "kernels_avx512_bf16",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["ETTIN_LEVEL=avx512_bf16"],
          "variables": { "flags": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mfma", "-mf16c"] },
          "cflags_cc": ["<@(flags)", "-Wno-uninitialized", "-Wno-maybe-uninitialized"],
          "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["<@(flags)"] },
          "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["<@(flags)"] } }
        }
      ]
    }],
    ["emulated=='lanes'", {
      "targets": [
        {
          "target_name": "kernels_emulated",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["ETTIN_LEVEL=emulated", "ETTIN_LANES=16"]
        }
      ]
    }],
    ["emulated=='avx512'", {
      "targets": [
        {
          "target_name": "kernels_emulated_avx512",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["ETTIN_LEVEL=emulated_avx512", "ETTIN_SIMDE"],
          "cflags_cc": ["-mavx2", "-mfma", "-mf16c", "-Wno-psabi", "-O1"]
        },
        {
          "target_name": "kernels_emulated_avx512_bf16",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["ETTIN_LEVEL=emulated_avx512_bf16", "ETTIN_SIMDE", "ETTIN_SIMDE_BF16"],
          "cflags_cc": ["-mavx2", "-mfma", "-mf16c", "-Wno-psabi", "-O1"]
        }
      ]
    }]
  ]
}
