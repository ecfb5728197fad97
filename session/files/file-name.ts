// Names of files that come from the peer, made harmless (D-FILE-2), and put into a header field.

const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i;
const mostOctets = 255;

/** A name that stays in its folder on every system; `fallback` where nothing is left of it. */
export function safeFileName(name: string, fallback: string): string {
  const harmless = decoded(name)
    .normalize('NFC')
    .replaceAll(/\p{Cc}|\p{Cf}|\p{Surrogate}/gu, '')
    .replaceAll(/[/\\:*?"<>|]/g, '_')
    .replace(/^[. ]+/, '');
  // Those of what is not complete are ours.
  const short = shortened(harmless)
    .replace(/[. ]+$/, '')
    .replace(/\.part(?:\.json)?$/i, '$&_');
  return short === '' || reserved.test(short) ? fallback : short;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Cut to what file systems take with a number and `.part.json` behind it, its extension kept. */
function shortened(name: string): string {
  const most = mostOctets - 20;
  if (Buffer.byteLength(name) <= most) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : '';
  const stem = Buffer.from(extension === '' ? name : name.slice(0, dot)).subarray(
    0,
    most - Buffer.byteLength(extension),
  );
  // A character cut in two decodes to U+FFFD.
  return stem.toString().replace(/\uFFFD+$/, '') + extension;
}

/** Content-Disposition = attachment;filename="…";size=…: what may not stand in a name is percent-encoded (R5547-6-2). */
export function dispositionOf(name: string, size?: number): string {
  const encoded = name.replaceAll(/[%"\\\p{Cc}]/gu, (character) => encodeURIComponent(character));
  return `attachment; filename="${encoded}"${size === undefined ? '' : `; size=${size}`}`;
}

/** The filename of a Content-Disposition, as it stands there. */
export function fileNameIn(disposition: string | undefined): string | undefined {
  return (
    /;[ \t]*filename="([^"]*)"/i.exec(disposition ?? '')?.[1] ??
    /;[ \t]*filename=([^;\s]+)/i.exec(disposition ?? '')?.[1]
  );
}
