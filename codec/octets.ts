// Octets that lie in parts, as they came or are to leave.

/** How many octets `parts` hold. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** Takes the first `bytes` octets out of `parts`, which hold as many: no copies, views where a part is cut. */
export function takeOctets(parts: Buffer[], bytes: number): Buffer[] {
  const taken: Buffer[] = [];
  let at = 0;
  for (let missing = bytes; missing > 0; at++) {
    const part = parts[at]!;
    if (part.length > missing) {
      taken.push(part.subarray(0, missing));
      parts[at] = part.subarray(missing);
      break;
    }
    taken.push(part);
    missing -= part.length;
  }
  parts.splice(0, at);
  return taken;
}

/** All of `parts` in memory of its own, which can be given away to another thread. */
export function copyOf(parts: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(Buffer.allocUnsafeSlow(lengthOf(parts)).buffer);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
