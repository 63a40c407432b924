/**
 * Arguments that trainers elsewhere have and this one does not: the way out for each. Names are compared without case and
 * underscores, so that `report_to` is found, too.
 */
const INSTEAD: Readonly<Record<string, string>> = {
  ...all('Set report, a list of reporters: ["tensorboard"], or [] for none.', "reportTo"),
  ...all('Leave "progress" out of report.', "disableTqdm"),
  ...all("Reports go to outputDir; leave it out.", "loggingDir", "runName", "project"),
  ...all("Reports go to outputDir; leave it out.", "trackioSpaceId", "trackioBucketId", "trackioStaticSpaceId"),
  ...all("Pass onNotice, or a callback.", "logLevel", "logLevelReplica", "logOnEachNode"),
  ...all("Every log has num_input_tokens_seen; leave it out.", "includeNumInputTokensSeen", "includeTokensPerSecond"),
  ...all("A loss that is not finite ends the run, before it changes the weights; leave it out.", "loggingNanInfFilter"),
  ...all("Use evalStrategy.", "evaluationStrategy"),
  ...all(
    "Evaluation keeps sums, not outputs; leave it out.",
    "predictionLossOnly",
    "evalAccumulationSteps",
    "evalDoConcatBatches",
    "batchEvalMetrics",
    "includeForMetrics",
  ),
  ...all("Call train() or evaluate().", "doTrain", "doEval", "doPredict"),
  ...all("Pass it to train({ resumeFromCheckpoint }).", "resumeFromCheckpoint"),
  ...all("A resumed run goes on at its place in the data; leave it out.", "ignoreDataSkip"),
  ...all("Callbacks' state is taken over; leave it out.", "restoreCallbackStatesFromCheckpoint"),
  ...all("A checkpoint can always be resumed; saveModel(folder) writes the model alone.", "saveOnlyModel"),
  ...all("model.safetensors is what is written; leave it out.", "saveSafetensors"),
  ...all(
    "Push the folder when the run is over, with pushToHub.",
    "pushToHub",
    "hubModelId",
    "hubToken",
    "hubStrategy",
    "hubPrivateRepo",
    "hubAlwaysPush",
    "hubRevision",
  ),
  ...all('The model is on its device: load it with device: "cpu" or "cuda".', "useCpu", "noCuda", "device"),
  ...all(
    "A run is one process on one device; leave it out.",
    "localRank",
    "ddpBackend",
    "ddpTimeout",
    "ddpFindUnusedParameters",
    "ddpBucketCapMb",
    "ddpBroadcastBuffers",
    "ddpStaticGraph",
    "fsdp",
    "fsdpConfig",
    "deepspeed",
    "acceleratorConfig",
    "parallelismConfig",
    "averageTokensAcrossDevices",
    "evalUseGatherObject",
    "saveOnEachNode",
  ),
  ...all(
    "The next step's batches are prepared while the device computes; leave it out.",
    "dataloaderPinMemory",
    "dataloaderPersistentWorkers",
    "dataloaderPrefetchFactor",
    "dataloaderMultiprocessingContext",
    "dataloaderInOrder",
  ),
  ...all(
    "There is no padding, so that rows need no grouping by length; leave it out.",
    "groupByLength",
    "lengthColumnName",
    "trainSamplingStrategy",
  ),
  ...all("Choose columns of the dataset: selectColumns.", "removeUnusedColumns", "labelNames"),
  ...all("The same seed gives the same bits; leave it out.", "fullDeterminism"),
  ...all("Set maxTokensPerMicroBatch: it bounds the memory and leaves the gradient.", "autoFindBatchSize"),
  ...all("Memory is freed with each step; leave it out.", "torchEmptyCacheSteps"),
  ...all("report.html has the memory; leave it out.", "skipMemoryMetrics"),
  ...all("Kernels are compiled beforehand; leave it out.", "torchCompile", "torchCompileBackend", "torchCompileMode"),
  ...all("Kernels are fused as they are; leave it out.", "useLigerKernel", "ligerKernelConfig"),
  ...all("Set bf16.", "tf32", "bf16FullEval", "fp16FullEval", "halfPrecisionBackend", "fp16OptLevel"),
  ...all("gradientCheckpointing has no options; leave it out.", "gradientCheckpointingKwargs"),
  ...all("Set handleSignals, which is so by default: a signal saves a checkpoint.", "enableJitCheckpoint"),
  ...all("Pass it to a trainer of text columns, such as SentenceTransformerTrainer.", "prompts"),
  ...all("There is no Router: prompts tell the columns apart.", "routerMapping"),
  ...all("Pass it to the trainer, beside args.", "callbacks", "trainDataset", "evalDataset", "evaluator", "tokenizer"),
  ...all("Labels are the loss's: write it into the loss.", "labelSmoothingFactor"),
  ...all("There is nothing of it here; leave it out.", "optimTargetModules", "neftuneNoiseAlpha", "useCache", "debug"),
  ...all("Set learningRate.", "lr"),
  ...all("Set optim.", "optimizer"),
  ...all("Set perDeviceTrainBatchSize.", "batchSize", "trainBatchSize", "perGpuTrainBatchSize"),
  ...all("Set perDeviceEvalBatchSize.", "evalBatchSize", "perGpuEvalBatchSize"),
  ...all("Set numTrainEpochs.", "epochs", "numEpochs"),
  ...all("Set maxSteps.", "steps", "numSteps", "trainSteps"),
};

/** What to do in place of an argument that there is not, or null where it is nobody's. */
export function insteadOfArgument(name: string): string | null {
  const key = plain(name);
  return Object.hasOwn(INSTEAD, key) ? INSTEAD[key]! : null;
}

function all(wayOut: string, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [plain(name), wayOut]));
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "");
}
