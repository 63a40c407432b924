import type { BaseModel } from "./base-model.ts";
import type { ModelConfig } from "./config.ts";
import { PreTrainedModel } from "./pretrained-model.ts";

/** A head on a base model. */
export abstract class HeadModel<C extends ModelConfig = ModelConfig> extends PreTrainedModel<C> {
  abstract readonly model: BaseModel<C>;

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }
}
