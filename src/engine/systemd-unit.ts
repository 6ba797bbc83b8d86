import { packageDirectory } from '../host/index.js'

/** Options of {@link Engine.systemdUnit}. */
export interface SystemdUnitOptions {
  /** Default: `Containers of ROOT`. */
  readonly description?: string
  /** The unit that wants it. Default `multi-user.target`. */
  readonly wantedBy?: string
  /**
   * Whether it also serves the Engine API, as `inboard serve` does: true, or the words behind that command, such as
   * `['--group', 'docker']`. Default false.
   */
  readonly serve?: boolean | readonly string[]
}

interface Places {
  readonly root: string
  readonly runRoot: string
}

/**
 * A systemd unit that starts what should run when the machine comes up, and may serve the API.
 *
 * @see systemd.service(5), systemd.kill(5), systemd.syntax(7)
 */
export function systemdUnit({ root, runRoot }: Places, options: SystemdUnitOptions): string {
  const { description = `Containers of ${root}`, wantedBy = 'multi-user.target', serve = false } = options
  return `[Unit]
Description=${literal(description)}
After=network-online.target local-fs.target
Wants=network-online.target
RequiresMountsFor=${quoted(root)} ${quoted(runRoot)}

[Service]
${serve === false ? restoring({ root, runRoot }) : serving({ root, runRoot }, serve === true ? [] : serve)}
# Stopping or restarting the unit is no reason to kill supervisors, and their containers with them.
KillMode=process
# Nor is it that the kernel has killed something in a container that is out of memory.
OOMPolicy=continue
# Supervisors and containers have control groups and limits of their own.
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
# Of nothing or of many: there is no bound that fits all starts.
TimeoutStartSec=infinity

[Install]
WantedBy=${literal(wantedBy)}
`
}

const commandLine = (words: readonly string[]) => `ExecStart=${[process.execPath, ...words].map(quoted).join(' ')}`

function restoring(places: Places): string {
  return `# The program starts containers, says which it could not start, and ends. Each container has a supervisor, which lives on in
# the control group of this unit: with RemainAfterExit the unit stays active, and systemd ends nothing when the program has ended.
Type=oneshot
RemainAfterExit=yes
${commandLine(['--input-type=module', '--eval', program(places)])}`
}

function serving({ root, runRoot }: Places, words: readonly string[]): string {
  const roots = ['--root', root, '--run-root', runRoot]
  return `# The program says when the API is served and containers have been started.
Type=notify
Restart=on-failure
${commandLine([`${packageDirectory()}/dist/cli.js`, 'serve', ...roots, ...words])}`
}

/** What the unit runs: this package, on this root. */
function program(places: Places): string {
  const module = `file://${encodeURI(`${packageDirectory()}/dist/index.js`)}`
  return [
    `import { Engine } from ${JSON.stringify(module)}`,
    `const engine = await Engine.open(${JSON.stringify(places)})`,
    'const { failed } = await engine.restore()',
    'for (const { container, error } of failed) console.error(container.name + ": " + error.message)',
    'await engine.close()',
    'process.exitCode = failed.length > 0 ? 1 : 0',
  ].join('; ')
}

/** Specifiers begin with a percent sign. */
const literal = (text: string) => text.replaceAll('%', '%%').replaceAll(/\s+/g, ' ')

/** A word as systemd reads it: with C's escapes, specifiers and variables. */
const quoted = (word: string) =>
  `"${literal(word)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('$', () => '$$')}"`
