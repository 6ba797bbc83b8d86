// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
// Records what Docker's classic builder makes of Dockerfiles: node test/conformance/facts/dockerfile.mjs > test/conformance/facts/dockerfile.json
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const env = {
  ...process.env,
  DOCKER_BUILDKIT: '0',
  DOCKER_HOST: process.env.DOCKER_HOST ?? 'unix:///tmp/oracle/docker.sock',
}
const context = mkdtempSync(join(tmpdir(), 'dockerfile-facts-'))

// Each is what follows FROM scratch, and the build args.
const cases = [
  // Variables: where they are replaced, and by what.
  ['LABEL x=$a'],
  ['ENV a=1\nLABEL x=$a y=${a} z=$a$a w=${a}b v=$ab'],
  ['ENV a=1\nENV a=2 b=$a\nENV c=$a'],
  ['ENV a=1 b=$a'],
  ['ENV a=1\nENV a=$a:2\nENV a=$a:3'],
  ['ENV a=1\nLABEL x=${a:-d} y=${b:-d} z=${b-d} w=${a-d}'],
  ['ENV a=\nLABEL x=${a:-d} z=${b:-d}'],
  ['ENV a=1 e=\nLABEL x=${a:+s} y=${b:+s} z=${e:+s}'],
  ['LABEL x=${a:-${b:-c}}'],
  ['ENV b=B\nLABEL x=${a:-${b:-c}} y=${a:-$b} z=${a:-"q $b"}'],
  ['ENV b=B\nLABEL x=${b:+${a:-n}}'],
  ['ENV a=1\nLABEL x=${a:?m}'],
  ['LABEL x=${a:?is missing}'],
  ['LABEL x=${a?is missing}'],
  ['ENV a=\nLABEL x=${a:?is empty}'],
  ['ENV a=1\nLABEL x=\'$a\' y="$a" z=\\$a w="\\$a" v=\'\\$a\''],
  ['LABEL x=a\\ b y="a b" z=\'a b\''],
  ['LABEL x="a\\nb" y=a\\nb z="a\\\\b" w=a\\\\b'],
  ['LABEL x="it\'s" y=\'say "hi"\' z=a"b"c\'d\''],
  ['LABEL x="" y=\'\' z='],
  ['LABEL x=$ y=$$ z=a$ w="$" v=$-'],
  ['LABEL x=$1 y=$10a z=$0 w=$@'],
  ['LABEL x=${1} y=$_a z=$é'],
  ['ENV a=1\nLABEL $a=x "$a b"=y'],
  ['ENV a_1=x\nLABEL v=$a_1-$a_1.b'],
  ['LABEL x=${}'],
  ['LABEL x=${'],
  ['LABEL x=${:x}'],
  ['LABEL x="a'],
  ["LABEL x='a"],
  ['ENV a=1\nLABEL x={$a} y=[$a] z=($a)'],
  ['ENV a=b=c\nLABEL x=$a y=a=b=c'],
  ['ENV a="x  y"\nLABEL v=$a w="$a"'],
  ['ENV PATH=/x:$PATH'],
  ['LABEL x=<a y=a>b z=a<<b'],
  // ENV and LABEL.
  ['ENV a b c'],
  ['ENV a   b   c'],
  ['ENV a "b c" d'],
  ['ENV a \'b\' "c" \\d'],
  ['ENV a b=c'],
  ['ENV a b\\\n  c'],
  ['ENV a=1 \\\n  b=2 \\\n  c=3'],
  ['ENV a=1\\\n2'],
  ['ENV a=1 \\\n# comment\n b=2'],
  ['ENV a=1 \\\n\n b=2'],
  ['ENV a'],
  ['ENV =x'],
  ['ENV a=1 b'],
  ['ENV'],
  ['ENV a=1 a=2'],
  ['env a=1\nEnV b=2'],
  ['ENV a=é b="ü ö"'],
  ['ENV a=1 # no comment'],
  ['LABEL a b c'],
  ['LABEL a.b-c/d=e "f g"="h i"'],
  ['LABEL a=1\nLABEL a=2 b=3'],
  ['LABEL multi="one \\\ntwo"'],
  ['LABEL x=1 \\ '],
  ['LABEL'],
  // ARG.
  ['ARG a=1\nLABEL x=$a'],
  ['ARG a=1\nLABEL x=$a', { a: '2' }],
  ['ARG a\nLABEL x=$a', { a: '2' }],
  ['ARG a\nLABEL x=[$a]'],
  ['ARG a=1\nENV a=2\nLABEL x=$a', { a: '3' }],
  ['ENV a=2\nARG a=1\nLABEL x=$a', { a: '3' }],
  ['ARG a=1 b=$a c\nLABEL x=$a$b$c', { c: '3' }],
  ['ARG a=1\nARG a\nLABEL x=$a'],
  ['ARG a=1\nARG b=${a}2\nENV c=$b'],
  ['ARG a="x y"\nLABEL l=$a'],
  ['LABEL x=$a\nARG a=1\nLABEL y=$a'],
  ['LABEL x=$HTTP_PROXY y=$no_proxy', { HTTP_PROXY: 'h', no_proxy: 'n' }],
  ['ARG HTTP_PROXY=d\nLABEL x=$HTTP_PROXY'],
  ['ARG a=${b:?missing}\nLABEL x=$a', { a: '1' }],
  ['ARG =x'],
  ['ARG'],
  // One argument.
  ['ENV u=me\nUSER $u:$u'],
  ['USER a b'],
  ['USER "a"'],
  ['USER'],
  ['WORKDIR /a\nWORKDIR b\nWORKDIR ../c'],
  ['WORKDIR a'],
  ['WORKDIR /a/./b/../c/'],
  ['WORKDIR //a//b'],
  ['ENV d=/x\nWORKDIR $d/y'],
  ['WORKDIR "/a b"'],
  ['WORKDIR /a b'],
  ['WORKDIR'],
  ['STOPSIGNAL SIGQUIT'],
  ['STOPSIGNAL 9'],
  ['ENV s=TERM\nSTOPSIGNAL SIG$s'],
  ['STOPSIGNAL NOPE'],
  ['MAINTAINER me $x <m@x>'],
  // EXPOSE and VOLUME.
  ['EXPOSE 80 443/tcp 53/UDP 9000-9002'],
  ['ENV p=80 q="81 82"\nEXPOSE $p $q $r'],
  ['ENV p=80\nEXPOSE ${p}00/udp'],
  ['EXPOSE 80 80/tcp'],
  ['EXPOSE 8080:80'],
  ['EXPOSE 127.0.0.1:8080:80'],
  ['EXPOSE 99999'],
  ['EXPOSE x'],
  ['EXPOSE 80/xyz'],
  ['EXPOSE 90-80'],
  ['EXPOSE'],
  ['VOLUME /a /b'],
  ['VOLUME ["/a b", "/c"]'],
  ['ENV v=/x\nVOLUME $v ${v}y'],
  ['VOLUME ["$x"]'],
  ['VOLUME []'],
  ['VOLUME ""'],
  // Commands.
  ['CMD echo $x "a  b"'],
  ['CMD ["echo", "$x"]'],
  ["CMD ['echo']"],
  ['CMD [ "a" ]'],
  ['CMD ["a"'],
  ['CMD ["a", 1]'],
  ['CMD []'],
  ['CMD'],
  ['CMD a \\\n  b'],
  ['CMD a \\\n# c\n  b'],
  ['ENTRYPOINT ["a"]\nCMD ["b"]'],
  ['CMD ["b"]\nENTRYPOINT ["a"]'],
  ['ENTRYPOINT a b'],
  ['ENTRYPOINT []'],
  ['SHELL ["/bin/bash", "-c"]\nCMD a\nENTRYPOINT b'],
  ['SHELL bash -c'],
  ['SHELL []'],
  ['HEALTHCHECK CMD a "b"'],
  ['HEALTHCHECK --interval=1m30s --timeout=2s --retries=3 --start-period=4s CMD ["a", "$b"]'],
  ['HEALTHCHECK NONE'],
  ['HEALTHCHECK CMD'],
  ['HEALTHCHECK FOO'],
  ['HEALTHCHECK --interval=1us CMD a'],
  ['HEALTHCHECK --interval=x CMD a'],
  ['HEALTHCHECK NONE x'],
  ['ONBUILD RUN echo  $x\nONBUILD copy a b'],
  ['ONBUILD ONBUILD RUN x'],
  ['ONBUILD FROM x'],
  ['ONBUILD MAINTAINER x'],
  ['ONBUILD FOO x'],
  ['ONBUILD ENV x'],
  ['ONBUILD'],
  // The file.
  ['FOO x'],
  ['  ENV   a=1  \n\tLABEL\tx=$a'],
  ['# comment\n  # another\nLABEL a=b'],
  ['LABEL a=b\r\nLABEL c=d\r'],
  ['LABEL a=`$x b=\\$x'],
  ['COPY x'],
]

const docker = (...words) => spawnSync('docker', words, { env, encoding: 'utf8' })

function factOf([text, buildArgs = {}]) {
  const args = Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  const words = ['build', '--no-cache', '--force-rm', ...args, '-f', '-', context]
  const { status, stdout, stderr } = spawnSync('docker', words, {
    env,
    encoding: 'utf8',
    input: `FROM scratch\n${text}\n`,
  })
  const id = [...stdout.matchAll(/^ ---> ([0-9a-f]{12})$/gm)].at(-1)?.[1]
  if (status !== 0) {
    // What was made before the failure stays otherwise.
    if (id) docker('rmi', id)
    return { text, buildArgs, error: reasonIn(stderr) }
  }
  const [image] = JSON.parse(docker('inspect', id).stdout)
  docker('rmi', id)
  const { Config, Author } = image
  const fields = ['User', 'Env', 'Cmd', 'Entrypoint', 'WorkingDir', 'Labels', 'StopSignal', 'ExposedPorts', 'Volumes']
  const kept = [...fields, 'OnBuild', 'Healthcheck', 'Shell'].filter((name) => Config[name] && Config[name] !== '')
  const config = Object.fromEntries(kept.map((name) => [name, Config[name]]))
  return { text, buildArgs, config, ...(Author && { author: Author }) }
}

/** The last line, without what is before Docker's reason. */
function reasonIn(text) {
  const last = text.trim().split('\n').at(-1)
  return last.replace(/^Error response from daemon: /, '').replace(/^failed to parse \S+: /, '')
}

const facts = cases.map(factOf)
rmSync(context, { recursive: true })
console.log(JSON.stringify(facts, null, 1))
