// Records what Docker's own BuildKit makes of RUN: node test/conformance/facts/build-run.mjs > test/conformance/facts/build-run.json
//
// The daemon of 20.10 has BuildKit 0.8; no client of it is needed: two requests, the build and what it is of, find each other by an id.
// It knows neither heredocs nor `--network`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const socketPath = (process.env.DOCKER_HOST ?? 'unix:///tmp/oracle/docker.sock').slice('unix://'.length)
const tag = 'facts-build-run'

/** Makes the files of every context. */
const setUp = `mkdir -p dir/sub && printf file > file.txt && printf inner > dir/inner.txt && printf deep > dir/sub/deep.txt &&
  ln -s dir/inner.txt link && ln -s ../../../etc up &&
  chmod 751 file.txt && chown 1000:1000 file.txt && chmod 755 . dir dir/sub && chmod 644 dir/inner.txt dir/sub/deep.txt`

/** What follows `FROM busybox`, and the build args. */
const cases = [
  ['RUN echo "a  b" $((1+1))'],
  ['RUN ["echo", "$HOME", "a  b"]'],
  ['SHELL ["/bin/echo", "shell:"]\nRUN some words'],
  ['SHELL ["/bin/sh", "-ec"]\nRUN false || echo $-'],
  ['ENV A=1 B="x y"\nRUN env | grep -v HOSTNAME | sort'],
  ['ARG A=1\nARG NONE\nARG B\nENV A=2\nRUN env | grep -v HOSTNAME | sort', { B: 'given', UNUSED: 'x' }],
  ['ARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM'],
  ['RUN echo $TARGETPLATFORM'],
  ['RUN echo $HTTP_PROXY $no_proxy', { HTTP_PROXY: 'http://p', no_proxy: 'n' }],
  ['ARG HTTP_PROXY\nRUN echo $HTTP_PROXY', { HTTP_PROXY: 'http://p' }],
  ['ARG A=1\nARG A=2\nARG B=3\nRUN echo $A $B'],
  ['USER 1234:1235\nRUN id -u; id -g; echo $HOME'],
  ['RUN echo me:x:7:8::/home/me:/bin/sh >> /etc/passwd\nUSER me\nRUN id -u; echo $HOME'],
  ['ENV HOME=/mine\nUSER 0\nRUN echo $HOME'],
  ['WORKDIR /a/b\nWORKDIR c\nRUN pwd; ls -ld /a/b/c | cut -c1-10'],
  ['ENV PATH=/mine:/bin\nRUN echo $PATH'],
  ['RUN umask; ulimit -c >/dev/null; echo $PPID; echo $$'],
  ['RUN hostname'],
  ['RUN true\nRUN cat /proc/1/cmdline | tr "\\0" " "'],
  ['RUN --mount=type=cache,target=/facts-c ls -ld /facts-c | cut -c1-10; stat -c "%u %g" /facts-c'],
  ['RUN --mount=type=cache,target=/facts-m,mode=0750,uid=7,gid=8 stat -c "%a %u %g" /facts-m'],
  ['RUN --mount=type=cache,target=/facts-r,ro touch /facts-r/x || echo no'],
  ['WORKDIR /w\nRUN --mount=type=cache,target=rel ls -d /w/rel'],
  ['RUN --mount=type=tmpfs,target=/t stat -c "%a %u %g" /t; grep " /t " /proc/mounts | cut -d" " -f1-3'],
  ['RUN --mount=target=/c ls -A /c; cat /c/file.txt'],
  ['RUN --mount=target=/c stat -c "%n %a %u %g" /c/*'],
  ['RUN --mount=target=/c touch /c/x || echo no'],
  ['RUN --mount=target=/c,rw touch /c/x && ls -A /c'],
  ['RUN --mount=target=/c,rw touch /c/x\nRUN --mount=target=/c ls -A /c'],
  ['RUN --mount=source=dir,target=/c find /c | sort'],
  ['RUN --mount=source=dir/inner.txt,target=/a/f.txt cat /a/f.txt'],
  ['RUN --mount=source=link,target=/a/f.txt cat /a/f.txt; test -L /a/f.txt || echo file'],
  ['RUN --mount=source=up,target=/c ls /c'],
  ['RUN --mount=source=nowhere,target=/c true'],
  ['RUN --mount=source=../..,target=/c ls -A /c'],
  ['WORKDIR /w\nRUN --mount=type=bind ls -A; pwd'],
  ['RUN --mount=type=bind true'],
  ['RUN --mount=type=tmpfs,target=/ true'],
  ['RUN --mount=from=busybox,source=/bin,target=/b test -x /b/busybox && echo there'],
  ['RUN --mount=from=busybox,source=/bin,target=/b touch /b/x || echo no'],
  ['RUN --mount=from=busybox,target=/b touch /b/x || echo no'],
  [
    'FROM busybox AS made\nRUN mkdir /out && echo s > /out/s && ln -s out /link\nFROM busybox\nRUN --mount=from=made,source=/link,target=/o cat /o/s',
  ],
  [
    'FROM busybox AS made\nRUN echo s > /s\nFROM busybox\nRUN --mount=from=made,source=/s,target=/file cat /file; ls -l /file | cut -c1-10',
  ],
  ['RUN --mount=type=bind,target=/c --mount=type=tmpfs,target=/c/dir ls -A /c/dir; cat /c/file.txt'],
  ['RUN --mount=type=tmpfs,target=/c/deep/er --mount=type=tmpfs,target=/c ls -A /c'],
  ['RUN echo out; exit 7'],
  ['RUN ["false"]'],
  ['RUN []'],
  ['RUN kill -TERM $$; sh -c "kill -9 \\$\\$"; exit $?'],
]

const directory = mkdtempSync(join(tmpdir(), 'build-run-facts-'))
execFileSync('sh', ['-ec', setUp], { cwd: directory })
try {
  const facts = []
  for (const [lines, buildArgs = {}] of cases) facts.push({ lines, buildArgs, ...(await factsOf(lines, buildArgs)) })
  process.stdout.write(`${JSON.stringify({ setUp, facts }, null, 2)}\n`)
} finally {
  rmSync(directory, { recursive: true })
}

async function factsOf(lines, buildArgs) {
  const { log, error } = await build(`FROM busybox\n${lines}\n`, buildArgs)
  if (error !== undefined) return { log, error }
  const history = await call('GET', `/images/${tag}/history`)
  await call('DELETE', `/images/${tag}?noprune=1`)
  const own = history.filter(({ Comment }) => Comment === 'buildkit.dockerfile.v0')
  return { log, history: own.map(({ CreatedBy }) => CreatedBy).reverse() }
}

async function build(dockerfile, buildArgs) {
  const id = `facts-${process.pid}-${Math.random()}`
  writeFileSync(join(directory, 'Dockerfile'), dockerfile)
  const tar = execFileSync('tar', ['-C', directory, '--owner=0', '--group=0', '-c', '.'], { maxBuffer: 1e8 })
  const query = `version=2&nocache=1&networkmode=none&dockerfile=Dockerfile&t=${tag}&buildargs=${encodeURIComponent(JSON.stringify(buildArgs))}`
  const building = post(`/build?${query}&buildid=${id}&remote=upload-request`)
  await post(`/build?version=2&buildid=${encodeURIComponent(`upload-request:${id}`)}`, tar)
  let log = ''
  let error
  for (const line of (await building).split('\n').filter(Boolean)) {
    const told = JSON.parse(line)
    if (typeof told.aux === 'string') log += logIn(Buffer.from(told.aux, 'base64'))
    error = told.error ?? told.message ?? error
  }
  return { log, error }
}

/** The messages of programs in a StatusResponse (api/services/control/control.proto): its logs are 3, their messages 4. */
function logIn(bytes) {
  let log = ''
  for (const [number, value] of fieldsOf(bytes))
    if (number === 3) for (const [inner, message] of fieldsOf(value)) if (inner === 4) log += message
  return log
}

function* fieldsOf(bytes) {
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const wire = key & 7
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0
    yield [key >> 3, wire === 0 ? varint() : bytes.subarray(at, at + length)]
    at += length
  }
}

function post(path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/x-tar', 'Content-Length': body?.length ?? 0 }
    const sent = request({ socketPath, path: `/v1.41${path}`, method: 'POST', headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve(text)).on('error', reject)
    })
    sent.on('error', reject).end(body)
  })
}

function call(method, path) {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: `/v1.41${path}`, method }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve(text === '' ? undefined : JSON.parse(text)))
    })
      .on('error', reject)
      .end()
  })
}
