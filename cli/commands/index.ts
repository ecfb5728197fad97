import type { Command } from 'commander';
import { addBench } from './bench.ts';
import { addDecode } from './decode.ts';
import { addReceive } from './receive.ts';
import { addRelay } from './relay.ts';
import { addSend } from './send.ts';

/** Adds all commands to `program`, in the order of its help. */
export function addCommands(program: Command): void {
  addReceive(program);
  addSend(program);
  addRelay(program);
  addBench(program);
  addDecode(program);
}
