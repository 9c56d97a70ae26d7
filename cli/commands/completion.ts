import { asTyped } from '../advice.ts';
import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import { scripts, shells, type Shell } from '../complete/scripts.ts';

function isShell(word: string): word is Shell {
  return (shells as readonly string[]).includes(word);
}

export const command: Command = {
  name: 'completion',
  summary: 'Print the script that completes words in your shell',
  description: 'Completes commands, options and their values, and live: contexts, namespaces, targets, containers of a target, bridges. What the cluster says is kept for 20 seconds.',
  arguments: [{ name: 'shell', description: shells.join(', '), required: true, choices: shells }],
  examples: [
    { command: 'source <(bridge completion bash)', explains: 'in ~/.bashrc; zsh likewise in ~/.zshrc, after compinit' }, { command: 'bridge completion fish | source', explains: 'in ~/.config/fish/config.fish' },
    { command: 'bridge completion powershell | Out-String | Invoke-Expression', explains: 'in $PROFILE' },
  ],
  async run({ host, args: [shell = ''] }) {
    if (!isShell(shell)) {
      const meant = suggest(shell, shells);
      throw new BridgeError({ kind: 'usage', code: 'usage', what: `there is no script for the shell '${shell}'`, why: meant === undefined ? `there is one for ${shells.join(', ')}` : `did you mean ${meant}?`, next: `bridge completion ${meant ?? 'bash'}` });
    }
    const script = asTyped(host.program, scripts[shell]);
    return { data: { shell, script }, text: script };
  },
};
