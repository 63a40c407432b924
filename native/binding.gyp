{ "targets": [ { "target_name": "ettin", "sources": [ "addon.cpp" ],
  "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"], "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED"], "cflags_cc!": ["-fno-exceptions"], "cflags_cc": ["-std=c++20"] } ] }
