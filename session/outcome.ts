// How something ended, as a promise that is made only if somebody asks for it. A rejection that nobody awaits raises nothing.

export class Outcome {
  /** `true`: it went well. */
  #result: true | Error | undefined;
  #promise: Promise<void> | undefined;
  #onSettled: (() => void) | undefined;

  get isSettled(): boolean {
    return this.#result !== undefined;
  }

  get promise(): Promise<void> {
    if (this.#promise === undefined) {
      this.#promise = this.#make();
      this.#promise.catch(() => {});
    }
    return this.#promise;
  }

  resolve(): void {
    this.#settle(true);
  }

  reject(error: Error): void {
    this.#settle(error);
  }

  /** Only the first result counts. */
  #settle(result: true | Error): void {
    if (this.#result !== undefined) return;
    this.#result = result;
    this.#onSettled?.();
  }

  async #make(): Promise<void> {
    if (this.#result === undefined) {
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve;
      });
    }
    if (this.#result instanceof Error) throw this.#result;
  }
}
