import { AppError } from "@podcast/base";

/** A place in a sorted list, opaque to clients. */
export function encodeCursor(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values), "utf8").toString("base64url");
}

/** Throws REQUEST_INVALID for what we did not make. */
export function decodeCursor(cursor: string, shape: readonly ("string" | "number" | "date")[]): (string | number)[] {
  try {
    const values = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown;
    if (
      Array.isArray(values) &&
      values.length === shape.length &&
      values.every((value, i) =>
        shape[i] === "number"
          ? typeof value === "number" && Number.isFinite(value)
          : typeof value === "string" &&
            !value.includes("\0") &&
            (shape[i] === "string" || /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)),
      )
    )
      return values as (string | number)[];
  } catch {
    // Falls through to the one answer for all kinds of nonsense.
  }
  throw new AppError("REQUEST_INVALID", "The cursor is not one of ours.", { hint: "Begin again without a cursor." });
}
