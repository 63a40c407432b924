export { BatchQueue, type BatchQueueOptions, QueueFullError } from "./batch-queue.ts";
