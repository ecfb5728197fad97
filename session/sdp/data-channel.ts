// MSRP over WebRTC data channels as SDP describes it (RFC 8873 section 4): a dcmap attribute for each channel, and the attributes
// of its MSRP in dcsa attributes with the number of its stream. Only the description: nothing here opens a data channel.
//
//   a=dcmap:0 label="chat";subprotocol="msrp"          a=dcsa:0 accept-types:message/cpim text/plain

import { SDPError } from './errors.ts';
import type { MSRPMedia } from './msrp-media.ts';
import { linesOf, parseMedia } from './parse-media.ts';

export interface MSRPDataChannel {
  /** The SCTP stream. */
  readonly stream: number;
  readonly label: string | undefined;
  /** As a section for `TCP/TLS/MSRP` would say it; the port is that of the data channels. */
  readonly media: MSRPMedia;
}

/** The channels for MSRP of all `webrtc-datachannel` sections. Throws an {@link SDPError} `syntax`. */
export function parseDataChannels(sdp: string): MSRPDataChannel[] {
  if (!sdp.trimStart().startsWith('v=')) throw new SDPError('syntax', 'that is no session description');
  return sdp.split(/(?<=[\r\n])(?=m=)/).flatMap((section) => {
    const lines = linesOf(section);
    const [, port] = /^m=application (\d+) \S+ webrtc-datachannel/.exec(lines[0] ?? '') ?? [];
    return port === undefined ? [] : channelsOf(port, lines);
  });
}

function channelsOf(port: string, lines: readonly string[]): MSRPDataChannel[] {
  return lines.flatMap((line) => {
    const [, stream, parameters = ''] = /^a=dcmap:(\d+) (.*)$/.exec(line) ?? [];
    if (stream === undefined || !/(?:^|;)subprotocol="msrp"/i.test(parameters)) return [];
    const [, label] = /(?:^|;)label="([^"]*)"/i.exec(parameters) ?? [];
    const prefix = `a=dcsa:${stream} `;
    const attributes = lines.filter((one) => one.startsWith(prefix)).map((one) => `a=${one.slice(prefix.length)}`);
    const media = parseMedia([], [`m=message ${port} TCP/TLS/MSRP *`, ...attributes]);
    return media === undefined ? [] : [{ stream: Number(stream), label, media }];
  });
}
