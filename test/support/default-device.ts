/** With ETTIN_TEST_DEVICES=cuda every test that names no device runs on the GPU, or on its emulation. */
import { setDefaultDevice } from "@ettin/core";
import { device, levels } from "./devices.ts";

if (levels.includes("cuda")) setDefaultDevice(device("cuda"));
