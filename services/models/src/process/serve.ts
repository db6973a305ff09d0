import { toAppError } from "@podcast/base";
import type { ProcessReply, ProcessRequest } from "./model-process.ts";

/** The child's side of ModelProcess: one request at a time, in order. Ends with its parent. */
export function serve<Request, Result>(
  handle: (request: Request, progress: (share: number) => void) => Promise<Result>,
): void {
  let queue = Promise.resolve();
  const reply = (message: ProcessReply) => process.send?.(message);
  process.on("message", ({ id, body }: ProcessRequest) => {
    queue = queue.then(async () => {
      try {
        const value = await handle(body as Request, (share) => reply({ id, kind: "progress", value: share }));
        reply({ id, kind: "result", value });
      } catch (raw) {
        const { code, message, hint } = toAppError(raw);
        reply({ id, kind: "error", code, message, hint });
      }
    });
  });
  process.once("disconnect", () => process.exit(0));
}
