import type { Command } from 'commander';

type Add = (program: Command) => void;

/** In the order of the help. Each is loaded when it is wanted: what one of them needs, no other is to load, or to hold. */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  receive: async () => (await import('./receive.ts')).addReceive,
  send: async () => (await import('./send.ts')).addSend,
  relay: async () => (await import('./relay.ts')).addRelay,
  bench: async () => (await import('./bench.ts')).addBench,
  decode: async () => (await import('./decode.ts')).addDecode,
};

/** Adds the command of that name to `program`, or all of them where there is none. */
export async function addCommands(program: Command, name = ''): Promise<void> {
  const wanted = Object.entries(commands).filter(([each]) => each === name || !Object.hasOwn(commands, name));
  for (const add of await Promise.all(wanted.map(([, load]) => load()))) add(program);
}
