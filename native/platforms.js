/**
 * The platforms with a prebuilt binary. The key is the end of the package's name, @ettin/native-<key>; the fields are
 * the ones npm chooses by.
 */
export const platforms = {
  "linux-x64-gnu": { os: "linux", cpu: "x64", libc: "glibc" },
  "linux-arm64-gnu": { os: "linux", cpu: "arm64", libc: "glibc" },
  "darwin-arm64": { os: "darwin", cpu: "arm64" },
  "win32-x64": { os: "win32", cpu: "x64" },
};

/** The platforms with a prebuilt library of CUDA kernels; the package's name ends with the key here too. */
export const cudaPlatforms = {
  "linux-x64-gnu-cuda": { os: "linux", cpu: "x64", libc: "glibc" },
};

/** The key of the machine this runs on, whether or not there is a binary for it. */
export function thisPlatform() {
  const name = `${process.platform}-${process.arch}`;
  return process.platform === "linux" ? `${name}-${usesGlibc() ? "gnu" : "musl"}` : name;
}

function usesGlibc() {
  // Without this the report looks up the host's network names, which can take seconds.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime !== undefined;
}
