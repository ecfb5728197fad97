import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeChunks } from '../../../codec/index.ts';
import { CPIMMessage, formatIsComposing, type IsComposing, parseIsComposing } from '../../../session/index.ts';
import { faultOf } from '../../support/fault.ts';
import { octetsOf } from '../../support/vectors.ts';

const ns = 'xmlns="urn:ietf:params:xml:ns:im-iscomposing"';

describe('an isComposing document', () => {
  test('is read from the vectors, bare and in CPIM', () => {
    const [bare, wrapped] = decodeChunks(octetsOf('iscomposing.msrp'));
    const status: IsComposing = { state: 'active', contentType: 'text/plain', refreshSeconds: 90 };
    expect(parseIsComposing(bare!.data)).toEqual(status);
    expect(parseIsComposing(CPIMMessage.parse(wrapped!.data).content)).toEqual(status);
  });

  test.each<IsComposing>([
    { state: 'active' },
    { state: 'idle', lastActive: '2003-01-27T10:43:00Z' },
    { state: 'active', contentType: 'a/b;c="<&>"', refreshSeconds: 999_999_999 },
  ])('%j is read as it was written', (status) => {
    expect(parseIsComposing(formatIsComposing(status))).toEqual(status);
  });

  test('is written on one line behind its declaration', () => {
    const text = `<?xml version="1.0" encoding="UTF-8"?>\r\n<isComposing ${ns}><state>active</state><refresh>60</refresh></isComposing>`;
    expect(formatIsComposing({ state: 'active', refreshSeconds: 60 })).toBe(text);
  });

  test.each<[string, IsComposing]>([
    ['<state>idle</state>', { state: 'idle' }],
    ['<state>dreaming</state>', { state: 'idle' }],
    ['<state/>', { state: 'idle' }],
    ['<state> active </state><x:state xmlns:x="urn:x">idle</x:state>', { state: 'active' }],
    ['<state>active</state><refresh>+060</refresh>', { state: 'active', refreshSeconds: 60 }],
  ])('%s is read', (content, status) => {
    expect(parseIsComposing(`<isComposing ${ns}>${content}</isComposing>`)).toEqual(status);
  });

  test.each([
    '',
    '<isComposing><state>active</state></isComposing>',
    `<composing ${ns}><state>active</state></composing>`,
    `<isComposing ${ns}/>`,
    ...['0', '-1', '1.5', '', 'x', '1000000000'].map(
      (refresh) => `<isComposing ${ns}><state>active</state><refresh>${refresh}</refresh></isComposing>`,
    ),
    `<!DOCTYPE isComposing><isComposing ${ns}><state>active</state></isComposing>`,
  ])('%j is refused', (text) => {
    const fault = faultOf(() => parseIsComposing(text));
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD', scope: 'message', status: 400 });
  });

  test.each([0, -1, 1.5, Number.NaN, 1e9])('the refresh interval %j cannot be written', (refreshSeconds) => {
    expect(faultOf(() => formatIsComposing({ state: 'active', refreshSeconds })).code).toBe('MSRP_ERR_ARGUMENT');
  });

  test('of any octets is read or refused with MSRP_ERR_BAD_PAYLOAD', () => {
    const piece = fc.constantFrom(
      `<isComposing ${ns}>`,
      '<state>',
      'active',
      '</state>',
      '<refresh>',
      '9',
      '</refresh>',
    );
    const likely = fc.array(piece).map((pieces) => Buffer.from(`${pieces.join('')}</isComposing>`));
    fc.assert(
      fc.property(fc.oneof(likely, fc.uint8Array()), (octets) => {
        try {
          expect(['active', 'idle']).toContain(parseIsComposing(octets).state);
        } catch (error) {
          expect(error).toMatchObject({ code: 'MSRP_ERR_BAD_PAYLOAD' });
        }
      }),
    );
  });
});
