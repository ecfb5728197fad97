// How a command ends, for scripts. These numbers are part of the interface: never reuse one.

export const ExitCode = {
  ok: 0,
  /** The command worked, and what it looked at or carried did not. */
  fault: 1,
  usage: 2,
  /** A file or stream failed: not there, not readable, no space. */
  io: 3,
  /** A result is not what was asked for. */
  threshold: 4,
  /** EX_SOFTWARE of sysexits.h. */
  bug: 70,
  /** 128 + SIGINT, as a shell reports it. */
  interrupted: 130,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** For the end of a help text. */
export const exitCodeHelp = `Exit codes:
    0  all well
    1  something was malformed or did not arrive
    2  wrong usage
    3  a file or stream could not be read or written
    4  a --fail-if of msrp bench was met
   70  a bug in msrp
  130  stopped by Ctrl-C
  143  stopped by SIGTERM`;
