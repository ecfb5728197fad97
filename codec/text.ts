// utf8text = *( HTAB / %x20-7E / UTF8-NONASCII )      (RFC 4975 section 9): comments and the values of header fields.

const control = /[\0-\x08\n-\x1f\x7f]/;
const loneSurrogate = /\p{Surrogate}/u;
const beyondASCII = /[^\0-\x7f]/;

/** Whether `text` holds a character that no head may hold: CR, LF and other controls but HTAB. */
export function hasControl(text: string): boolean {
  return control.test(text);
}

/** Whether `text` can be written as utf8text. */
export function isText(text: string): boolean {
  return !control.test(text) && !loneSurrogate.test(text);
}

export function isASCII(text: string): boolean {
  return !beyondASCII.test(text);
}
