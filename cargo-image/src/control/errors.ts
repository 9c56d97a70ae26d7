import type { ControlErrorCode } from '../../../protocol/control.ts';

/** An error with the code that the CLI sees; everything else that is thrown becomes `internal`. */
export class ControlError extends Error {
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string) {
    super(message);
    this.name = 'ControlError';
    this.code = code;
  }
}
