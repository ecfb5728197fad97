// application/im-iscomposing+xml: somebody is writing, or has stopped (RFC 3994 section 3.4 and its schema).
//
//   <isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">
//     <state/> [<lastactive/>] [<contenttype/>] [<refresh/>]
//   </isComposing>

import { malformed, unwritable } from './malformed.ts';
import { childOf, element, parseXML } from './xml.ts';

/** The Content-Type of an isComposing document. */
export const isComposingType = 'application/im-iscomposing+xml';

const isComposingNamespace = 'urn:ietf:params:xml:ns:im-iscomposing';

export interface IsComposing {
  /** Any other state on the wire counts as idle. */
  state: 'active' | 'idle';
  /** When the peer was last active, RFC 3339. */
  lastActive?: string;
  /** What is being written, such as `text/plain`. */
  contentType?: string;
  /** After so many seconds without another `active` the peer counts as idle. */
  refreshSeconds?: number;
}

/** Throws `MSRP_ERR_BAD_PAYLOAD`. Elements of other namespaces are ignored. */
export function parseIsComposing(input: Uint8Array | string): IsComposing {
  const root = parseXML(input);
  if (root.name !== 'isComposing' || root.namespace !== isComposingNamespace) {
    throw malformed('no isComposing element', root.name);
  }
  const text = (name: string): string | undefined => childOf(root, name)?.text;
  const [state, lastActive, contentType] = [text('state'), text('lastactive'), text('contenttype')];
  const refresh = text('refresh');
  if (state === undefined) throw malformed('isComposing has a state');
  if (refresh !== undefined && !/^\+?0*[1-9]\d{0,8}$/.test(refresh)) throw malformed('no refresh interval', refresh);
  return {
    state: state === 'active' ? 'active' : 'idle',
    ...(lastActive !== undefined && { lastActive }),
    ...(contentType !== undefined && { contentType }),
    ...(refresh !== undefined && { refreshSeconds: Number(refresh) }),
  };
}

/** The document, without white space between elements. Throws `MSRP_ERR_ARGUMENT` for what cannot be written. */
export function formatIsComposing({ state, lastActive, contentType, refreshSeconds }: IsComposing): string {
  if (refreshSeconds !== undefined && !isRefresh(refreshSeconds)) {
    throw unwritable(`${refreshSeconds} cannot be a refresh interval`);
  }
  const fields = [
    element('state', state),
    element('lastactive', lastActive),
    element('contenttype', contentType),
    element('refresh', refreshSeconds === undefined ? undefined : String(refreshSeconds)),
  ].join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\r\n<isComposing xmlns="${isComposingNamespace}">${fields}</isComposing>`;
}

function isRefresh(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds > 0 && seconds < 1e9;
}
