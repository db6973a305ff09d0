/**
 * Bytes of an XML document as text: byte order mark, then HTTP charset, then the XML declaration, then UTF-8.
 * A label that is unknown, or UTF-8 that is not, falls back to windows-1252 as browsers do.
 */
export function decodeXml(bytes: Uint8Array, contentType: string | undefined): string {
  const declared =
    byteOrderMark(bytes) ??
    /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? "")?.[1] ??
    xmlDeclaration(bytes) ??
    "utf-8";
  for (const label of [declared, "utf-8"]) {
    try {
      return new TextDecoder(label, { fatal: true }).decode(bytes);
    } catch {
      // Unknown label or malformed bytes: the next candidate decides.
    }
  }
  return new TextDecoder("windows-1252").decode(bytes);
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return undefined;
}

function xmlDeclaration(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 256)).toString("latin1");
  return /^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)["']/i.exec(head)?.[1];
}
