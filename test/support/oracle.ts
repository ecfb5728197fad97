// A decoder that is slow and plain: regular expressions on the whole text. It knows valid frames only.

export interface OracleFrame {
  start: string;
  fields: string;
  body: Buffer | undefined;
  flag: string;
}

/** Octets as characters, one each. Throws where the text is no sequence of frames. */
export function oracleDecode(octets: Buffer): OracleFrame[] {
  const frames: OracleFrame[] = [];
  let text = octets.toString('latin1');
  while (text !== '') {
    const start = /^MSRP (\S+) ([^\r\n]*)\r\n/.exec(text);
    if (start === null) throw new Error(`no start-line: ${text.slice(0, 40)}`);
    const id = start[1]!.replaceAll(/[.+%=-]/g, String.raw`\$&`);
    const head = new RegExp(String.raw`^MSRP [^\r]*\r\n((?:(?!-------${id}[$+#]\r\n)[^\r\n]+\r\n)*)`).exec(text)!;
    const rest = text.slice(head[0].length);
    const bodiless = new RegExp(String.raw`^-------${id}([$+#])\r\n`).exec(rest);
    const whole = bodiless ?? new RegExp(String.raw`^\r\n(?:([^]*?)\r\n)?-------${id}([$+#])\r\n`).exec(rest)!;
    const body = bodiless === null ? Buffer.from(whole[1] ?? '', 'latin1') : undefined;
    frames.push({ start: `${start[1]} ${start[2]}`, fields: head[1]!, body, flag: whole.at(-1)! });
    text = rest.slice(whole[0].length);
  }
  return frames;
}
