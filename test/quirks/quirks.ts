// What other stacks and the middleboxes between are known to do, against the rules or not, and where it is played: one table of all of it.

export type Quirk = readonly [row: number | string, subject: string, where: string | { readonly elsewhere: string }];

const framing = 'framing.test.ts';
const transactions = 'transactions.test.ts';
const setup = 'setup.test.ts';
const addresses = 'addresses.test.ts';
const limits = 'limits.test.ts';

export const quirks: readonly Quirk[] = [
  [1, 'header names in other letter case', framing],
  [2, 'other white space than one space and CRLF in a head', framing],
  [3, 'a response without a phrase, or with more than one', framing],
  [4, 'lines between two frames', framing],
  [5, 'a Content-Type without a body, and an empty body', framing],
  [6, 'transaction ids in other letter case, and a REPORT with that of its SEND', framing],
  [7, 'an underscore', framing],
  [8, 'a body that looks like frames', framing],
  [9, 'a wrong Byte-Range', framing],
  [10, 'CPIM with other letter case, lengths and line ends', framing],
  [11, 'a Content-Type that is missing or a wildcard', framing],
  [12, 'text that is no UTF-8', framing],
  [13, 'a Message-ID that is missing', framing],
  [14, 'a response to a REPORT', transactions],
  [15, 'a response that nobody asked for, and none where one was', transactions],
  [16, 'a success REPORT that nobody asked for', transactions],
  [17, 'a Status without namespace, or with the code twice', transactions],
  [18, 'REPORTs whose ranges overlap', transactions],
  [19, 'a SEND that is sent again with the same transaction id', transactions],
  [20, 'transaction ids and Message-IDs that are counted, in each session from one', transactions],
  [21, 'a response with more fields, longer paths, or paths the wrong way round', transactions],
  [22, 'setup attributes that leave out or contradict who connects', setup],
  [23, 'a first SEND that has a payload', setup],
  [24, 'a peer that reads the binding request in a single read, and soon', setup],
  [25, 'a passive peer that waits for data before it shows the session', setup],
  [26, 'paths with another host or port than ours', addresses],
  [27, 'an m-line and c-line that point elsewhere than the path', setup],
  [28, 'a bogus port of a peer that connects', setup],
  [29, 'a protocol that contradicts the scheme of the path', setup],
  [30, 'URIs with anything that the grammar leaves room for', addresses],
  [31, 'several URIs in a path', setup],
  [32, 'connections from other addresses, and connections that never bind', addresses],
  [33, 'attributes of RFC 4145 that MSRP does not use', setup],
  [34, 'a file selector with sha1, and with names of all kinds', setup],
  [35, 'keep-alives of other forms', limits],
  [36, 'peers that take short chunks only', limits],
  [37, 'relays that ask for certain fields in a certain order', limits],
  [
    38,
    'digest parameters in other forms',
    { elsewhere: 'test/unit/digest-header.test.ts, and whoever logs in to a relay' },
  ],
  [
    '38b',
    'relays that insist on the digest parameter uri, or on its absence',
    { elsewhere: 'whoever logs in to a relay' },
  ],
  [39, 'a Use-Path in another order', { elsewhere: 'whoever logs in to a relay' }],
];
