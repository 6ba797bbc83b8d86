// Asks a real Docker daemon what it writes into json-file logs, and what it says of options: logs.json.
// Usage: DOCKER_HOST=unix:///tmp/oracle/docker.sock DOCKER_ROOT=/tmp/oracle/data node test/conformance/facts/logs.mjs > test/conformance/facts/logs.json
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const scripts = {
  'every byte': 'i=0; while [ $i -lt 256 ]; do printf "a\\\\$(printf %03o $i)b\\n"; i=$((i+1)); done',
  'well-formed and other sequences':
    "printf '\\303\\251 \\342\\202\\254 \\360\\237\\230\\200 \\342\\200\\250 \\342\\200\\251 \\355\\240\\200 \\300\\257 \\364\\220\\200\\200 \\342\\202\\n'",
  'parts of long lines':
    'head -c 40000 /dev/zero | tr "\\0" x; echo; head -c 16383 /dev/zero | tr "\\0" y; echo; head -c 16384 /dev/zero | tr "\\0" z; echo',
  'a line that never ends': 'echo one; printf two',
  'returns and tabs': "printf 'a\\r\\nb\\tc\\n\\n'",
  stderr: 'echo out; sleep 0.2; echo err >&2',
}

const attributes = {
  labels: ['labels=x,nope', 'labels-regex=^r'],
  env: ['env=A', 'env-regex=^E'],
  tag: ['tag={{.ImageName}} <{{.Name}}> {{.DaemonName}}'],
}

const refusals = [
  ['foo'],
  ['json-file', 'foo=bar'],
  ['json-file', 'max-size=abc'],
  ['json-file', 'max-size=-1'],
  ['json-file', 'max-size=0'],
  ['json-file', 'max-size=10k', 'max-file=0'],
  ['json-file', 'max-size=10k', 'max-file=abc'],
  ['json-file', 'max-size=10k', 'compress=true'],
  ['json-file', 'max-size=10k', 'max-file=2', 'compress=blah'],
  ['json-file', 'mode=foo'],
  ['json-file', 'max-buffer-size=1m'],
  ['local', 'foo=bar'],
  ['local', 'labels=a'],
  ['local', 'max-file=1'],
  ['none', 'max-size=1m'],
]

const docker = (...args) => execFileSync('docker', args, { encoding: 'utf8' })
let count = 0

/** The lines of a container's log, without their times; long ones by their length and digest. */
function logOf(options, script) {
  const name = `logs-facts-${count++}`
  docker('run', '-d', '--name', name, ...options, 'busybox', 'sh', '-c', script)
  docker('wait', name)
  const id = docker('inspect', '--format', '{{.Id}}', name).trim()
  const text = readFileSync(`${process.env.DOCKER_ROOT}/containers/${id}/${id}-json.log`, 'utf8')
  docker('rm', name)
  return text.trimEnd().split('\n').map(summary)
}

function summary(line) {
  const timeless = line.replace(/"time":"[^"]*"/, '"time":""').replace(/logs-facts-\d+/, 'NAME')
  if (timeless.length < 1000) return timeless
  return { length: timeless.length, sha256: createHash('sha256').update(timeless).digest('hex') }
}

function refusal([driver, ...options]) {
  const args = ['run', '--rm', '--log-driver', driver, ...options.flatMap((option) => ['--log-opt', option])]
  const { stderr } = spawnSync('docker', [...args, 'busybox', 'true'], { encoding: 'utf8' })
  return stderr.split('\n')[0].replace(/^docker: (?:Error response from daemon: )?/, '')
}

const subject = ['--label', 'x=1', '--label', 'r=q"<é', '-e', 'A=1', '-e', 'E2=\tb\\b']
const facts = {
  scripts: Object.entries(scripts).map(([name, script]) => ({ name, script, lines: logOf([], script) })),
  attributes: Object.entries(attributes).map(([name, options]) => ({
    name,
    options,
    lines: logOf([...subject, ...options.flatMap((option) => ['--log-opt', option])], 'echo hi'),
  })),
  refusals: refusals.map((options) => ({ options, message: refusal(options) })),
}
console.log(JSON.stringify(facts, null, 1))
