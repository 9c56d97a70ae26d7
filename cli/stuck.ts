/** A program that waits for something that nothing can bring any more is a defect of ours: it says so. Node itself would show our source. */
export function tellStuck(): void {
  process.once('beforeExit', () => {
    void Promise.all([import('./ui/error-text.ts'), import('./ui/terminal.ts')]).then(([{ errorText, factsOf }, { paint }]) => {
      const { kind, code, what, why } = factsOf(new Error('the command waited for something that cannot come any more'));
      process.stderr.write(errorText({ kind, code, what, why, next: 'report it with what was typed, and with `bridge version -o json`' }, paint(false), false), () => process.exit(1));
    });
  });
}
