/** The scripts that shells read once; each asks `bridge __complete SHELL WORDS...` at every Tab. */

export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

const bash = String.raw`# bridge completion bash: put this into ~/.bashrc:  source <(bridge completion bash)
_bridge_complete() {
  local IFS=$'\n' line
  COMPREPLY=()
  for line in $("$1" __complete bash "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    COMPREPLY+=("${'$'}{line%%$'\t'*}")
  done
  [[ ${'$'}{#COMPREPLY[@]} -eq 1 && ${'$'}{COMPREPLY[0]} == */ ]] && compopt -o nospace
  return 0
}
complete -F _bridge_complete bridge podbridge
`;

const zsh = String.raw`#compdef bridge podbridge
# bridge completion zsh: put this into ~/.zshrc, after compinit:  source <(bridge completion zsh)
_bridge() {
  local line value
  local -a plain described
  for line in "${'$'}{(@f)$("$words[1]" __complete zsh "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    value=${'$'}{line%%$'\t'*}
    if [[ $line == *$'\t'* ]]; then described+=("${'$'}{value//:/\\:}:${'$'}{line#*$'\t'}"); else plain+=("$value"); fi
  done
  (( $#described )) && _describe 'bridge' described
  if (( $#plain )); then
    if [[ $#plain -eq 1 && $plain[1] == */ ]]; then compadd -S '' -- $plain; else compadd -- $plain; fi
  fi
}
if [[ $funcstack[1] == _bridge ]]; then _bridge "$@"; else compdef _bridge bridge podbridge; fi
`;

const fish = String.raw`# bridge completion fish: put this into ~/.config/fish/config.fish:  bridge completion fish | source
function __bridge_complete
  set -l words (commandline -opc)
  set -l program $words[1]
  set -e words[1]
  $program __complete fish $words (commandline -ct) 2>/dev/null
end
complete -c bridge -f -a '(__bridge_complete)'
complete -c podbridge -f -a '(__bridge_complete)'
`;

const powershell = String.raw`# bridge completion powershell: put this into $PROFILE:  bridge completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName bridge, podbridge -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  & $commandAst.CommandElements[0].ToString() __complete powershell @words "$wordToComplete" 2>$null | ForEach-Object {
    $value, $description = $_ -split "${'`'}t", 2
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $(if ($description) { $description } else { $value }))
  }
}
`;

export const scripts: Record<Shell, string> = { bash, zsh, fish, powershell };
