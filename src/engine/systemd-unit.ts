import { packageDirectory } from '../host/index.js'

/** Options of {@link Engine.systemdUnit}. */
export interface SystemdUnitOptions {
  /** Default: `Containers of ROOT`. */
  readonly description?: string
  /** The unit that wants it. Default `multi-user.target`. */
  readonly wantedBy?: string
}

interface Places {
  readonly root: string
  readonly runRoot: string
}

/**
 * A systemd unit that starts what should run when the machine comes up.
 *
 * @see systemd.service(5), systemd.kill(5), systemd.syntax(7)
 */
export function systemdUnit({ root, runRoot }: Places, options: SystemdUnitOptions): string {
  const { description = `Containers of ${root}`, wantedBy = 'multi-user.target' } = options
  const words = [process.execPath, '--input-type=module', '--eval', program({ root, runRoot })]
  return `[Unit]
Description=${literal(description)}
After=network-online.target local-fs.target
Wants=network-online.target
RequiresMountsFor=${quoted(root)} ${quoted(runRoot)}

[Service]
# The program starts containers, says which it could not start, and ends. Each container has a supervisor, which lives on in
# the control group of this unit: with RemainAfterExit the unit stays active, and systemd ends nothing when the program has ended.
Type=oneshot
RemainAfterExit=yes
ExecStart=${words.map(quoted).join(' ')}
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
# A pull of nothing and a start of many: there is no bound that fits all.
TimeoutStartSec=infinity

[Install]
WantedBy=${literal(wantedBy)}
`
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
