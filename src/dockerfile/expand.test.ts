// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { describe, expect, it } from 'vitest'
import {
  expandFrom,
  expandInstruction,
  GlobalScope,
  type GlobalValues,
  parseDockerfile,
  platformValues,
  Scope,
} from './index.js'

const env = ['a=1', 'empty=', 'file=/tmp/foo.tar.gz', 'str=foobarbaz', 'p=*', 'two=x  y', 'ü=ue']

/** What becomes of the last instruction of a text, and the names that were met in it. */
function expand(text: string, values: GlobalValues = {}) {
  const dockerfile = parseDockerfile(/^(?:#|ARG|FROM)/.test(text) ? text : `FROM scratch\n${text}`)
  const scope = new Scope(new GlobalScope(dockerfile, values), { env })
  const results = dockerfile.stages[0]?.instructions.map((instruction) => expandInstruction(instruction, scope)) ?? []
  const { instruction, used, missing } = results.at(-1) as ReturnType<typeof expandInstruction>
  return { instruction, used: [...used], missing: [...missing], scope }
}

describe('an instruction', () => {
  it.each<[string, object]>([
    [
      'ENV b=$a $a=c',
      {
        pairs: [
          { name: 'b', value: '1' },
          { name: '1', value: 'c' },
        ],
      },
    ],
    ['ENV b $a  "c"', { pairs: [{ name: 'b', value: '1  c' }] }],
    ['USER u$a:g', { value: 'u1:g' }],
    ['WORKDIR /x/$a "y"', { value: '/x/1 y' }],
    ['STOPSIGNAL ${no:-SIGINT}', { value: 'SIGINT' }],
    ['VOLUME /v$a "/w"', { volumes: ['/v1', '/w'] }],
    ['VOLUME ["/v$a b"]', { volumes: ['/v1 b'] }],
    ['EXPOSE $a 8${a}-82/udp $no', { exposed: ['1/tcp', '81/udp', '82/udp'] }],
    ['EXPOSE 127.0.0.1:80:90 [::1]:1-2:3-4/SCTP', { exposed: ['90/tcp', '3/sctp', '4/sctp'] }],
    [
      'ADD --chown=$a --chmod=$a --checksum=$a --exclude=$a x$a y$a',
      { chown: '1', chmod: '1', checksum: '1', exclude: ['$a'], sources: [{ path: 'x1' }], destination: 'y1' },
    ],
    [
      'COPY --chown=u$a --exclude=$a ["$a b", "c"]',
      { chown: 'u1', exclude: ['$a'], sources: [{ path: '1 b' }], destination: 'c' },
    ],
    [
      "COPY <<E /$a\n$a \"$a\" '$a' \\$a ${no:-'x'}\nE",
      { sources: [{ content: "1 \"1\" '1' $a 'x'\n" }], destination: '/1' },
    ],
    ["COPY <<'E' /x\n$a\nE", { sources: [{ content: '$a\n' }] }],
    // Not replaced.
    ['RUN $a', { command: { script: '$a' } }],
    ['RUN <<E\n$a\nE', { command: { script: '$a\n' } }],
    ['CMD ["$a"]', { command: { args: ['$a'] } }],
    ['ENTRYPOINT $a', { command: { script: '$a' } }],
    ['HEALTHCHECK CMD $a', { health: { Test: ['CMD-SHELL', '$a'] } }],
    ['SHELL ["$a"]', { shell: ['$a'] }],
    ['MAINTAINER $a', { value: '$a' }],
    ['ONBUILD ENV b=$a', { expression: 'ENV b=$a' }],
    // Mounts.
    ['RUN --mount=target=/x a', { mounts: [{ type: 'bind', source: '', target: '/x', readOnly: true }] }],
    [
      'RUN --mount=type=bind,from=s,src=/a,dst=/b,rw a',
      { mounts: [{ type: 'bind', from: 's', source: '/a', target: '/b', readOnly: false }] },
    ],
    [
      'RUN --mount=type=bind,destination=/b,readonly=false a',
      { mounts: [{ type: 'bind', source: '', target: '/b', readOnly: false }] },
    ],
    [
      'RUN --mount=type=cache,target=/c/$a/ a',
      { mounts: [{ type: 'cache', id: '/c/1', sharing: 'shared', source: '', target: '/c/1/', readOnly: false }] },
    ],
    [
      'RUN --mount=type=cache,id=i,target=/c,sharing=Locked,mode=0755,uid=1,gid=2,from=s,source=d,ro a',
      {
        mounts: [
          {
            type: 'cache',
            id: 'i',
            sharing: 'locked',
            mode: 0o755,
            uid: 1,
            gid: 2,
            from: 's',
            source: 'd',
            target: '/c',
            readOnly: true,
          },
        ],
      },
    ],
    [
      'RUN --mount=type=tmpfs,target=/t,size=64m a',
      { mounts: [{ type: 'tmpfs', target: '/t', readOnly: false, sizeBytes: 64 * 1024 * 1024 }] },
    ],
    [
      'RUN --mount=type=secret,id=s a',
      { mounts: [{ type: 'secret', id: 's', target: '/run/secrets/s', required: false }] },
    ],
    [
      'RUN --mount=type=secret,target=/x/tok,required,mode=0400 a',
      { mounts: [{ type: 'secret', id: 'tok', target: '/x/tok', required: true, mode: 0o400 }] },
    ],
    ['RUN --mount=type=secret,id=s,env=TOK a', { mounts: [{ type: 'secret', id: 's', env: 'TOK', required: false }] }],
    [
      'RUN --mount=type=secret,src=s,env=TOK,target=/x a',
      { mounts: [{ type: 'secret', id: 's', env: 'TOK', target: '/x', required: false }] },
    ],
    ['RUN --mount=type=ssh a', { mounts: [{ type: 'ssh', id: 'default', required: false }] }],
    [
      'RUN --mount=type=ssh,id=k,required=true,target=/s,uid=3 a',
      { mounts: [{ type: 'ssh', id: 'k', required: true, target: '/s', uid: 3 }] },
    ],
  ])('%j has its variables replaced where Docker does', (text, fields) => {
    expect(expand(text).instruction).toMatchObject(fields)
  })

  it.each([
    ['STOPSIGNAL NOPE', 'Invalid signal: NOPE'],
    ['VOLUME $no', 'VOLUME specified can not be an empty string'],
    ['EXPOSE x', 'invalid containerPort: x'],
    ['EXPOSE 70000', 'invalid containerPort: 70000'],
    ['EXPOSE 90-80', 'invalid containerPort: 90-80'],
    ['EXPOSE 80/xyz', 'invalid proto: xyz'],
    ['EXPOSE /tcp', 'no port specified'],
    ['EXPOSE 1.2.3:1:2', 'invalid IP address: 1.2.3'],
    ['EXPOSE x:80', 'invalid hostPort: x'],
    ['EXPOSE 1-3:80-81', 'invalid ranges specified for container and host Ports: 80-81 and 1-3'],
    ['RUN --mount=type=foo,target=/x a', 'unsupported mount type "foo"'],
    ['RUN --mount=type=cach,target=/x a', 'unsupported mount type "cach" (did you mean cache?)'],
    ['RUN --mount=targett=/x a', "unexpected key 'targett' in 'targett=/x' (did you mean target?)"],
    ['RUN --mount=target a', "invalid field 'target' must be a key=value pair"],
    ['RUN --mount=target=/x,ro=maybe a', 'invalid value for ro: maybe'],
    ['RUN --mount=type=cache,target=/x,sharing=all a', 'unsupported sharing value "all"'],
    ['RUN --mount=target=/x,sharing=shared a', 'invalid cache sharing set for bind mount'],
    ['RUN --mount=target=/x,mode=755 a', 'mode not allowed for "bind" type mounts'],
    ['RUN --mount=type=cache,target=/x,mode=9 a', 'invalid value 9 for mode'],
    ['RUN --mount=type=cache,target=/x,uid=-1 a', 'invalid value -1 for uid'],
    ['RUN --mount=type=cache,target=/x,required a', "unexpected key 'required' for mount type 'cache'"],
    ['RUN --mount=type=cache,target=/x,size=1m a', "unexpected key 'size' for mount type 'cache'"],
    ['RUN --mount=type=tmpfs,target=/x,size=x a', 'invalid value for size: x'],
    ['RUN --mount=type=secret a', 'invalid secret mount. one of source, target required'],
    ['RUN --mount=type=secret,id=a,src=b a', "both source and id can't be set"],
    ['RUN --mount=type=secret,id=a,from=b a', 'secret mount should not have a from'],
    ['RUN --mount=type=secret,id=a,sharing=shared a', 'secret mount should not define sharing'],
  ])('%j is refused', (text, message) => {
    expect(() => expand(text)).toThrow(message)
  })

  it('tells the names that it has used, and those that are not set', () => {
    const { used, missing } = expand('LABEL x=$a${empty:-$b}${c#$a}')
    expect(used).toEqual(['a', 'empty'])
    expect(missing).toEqual(['b', 'c'])
  })

  it('that fails says where', () => {
    const text = 'FROM a\n\nLABEL x=1 \\\n  y=${'
    expect(() => expand(text)).toThrow(
      expect.objectContaining({
        code: 'DOCKERFILE_INVALID',
        line: 3,
        file: 'Dockerfile',
        instruction: 'LABEL x=1   y=${',
      }),
    )
  })
})

describe('a scope', () => {
  const pairsOf = (text: string, values?: GlobalValues) => {
    const { instruction } = expand(text, values)
    return instruction.kind === 'LABEL' ? instruction.pairs.map(({ value }) => value) : []
  }

  it.each<[string, string, Record<string, string>, string]>([
    ['an ARG has its default', 'FROM s\nARG v=d\nLABEL x=$v', {}, 'd'],
    ['a build arg wins over it', 'FROM s\nARG v=d\nLABEL x=$v', { v: 'b' }, 'b'],
    ['a build arg without an ARG is not seen', 'FROM s\nLABEL x=$v', { v: 'b' }, ''],
    ['an ARG is not seen before it', 'FROM s\nLABEL x=$v', {}, ''],
    ['ENV wins over an earlier ARG', 'FROM s\nARG v=d\nENV v=e\nLABEL x=$v', { v: 'b' }, 'e'],
    ['ENV wins over a later ARG', 'FROM s\nENV v=e\nARG v=d\nLABEL x=$v', { v: 'b' }, 'e'],
    ["so does the image's", 'FROM s\nARG a=d\nLABEL x=$a', {}, '1'],
    ['ENV sees the values from before its line', 'FROM s\nENV a=2 b=$a\nLABEL x=$a$b', {}, '21'],
    ['an ARG sees those before it on its line', 'FROM s\nARG v=1 w=$v\nLABEL x=$w', {}, '1'],
    ['one from before FROM is not seen', 'ARG v=g\nFROM s\nLABEL x=$v', {}, ''],
    ['unless it is declared again', 'ARG v=g\nFROM s\nARG v\nLABEL x=$v', {}, 'g'],
    ['with another default', 'ARG v=g\nFROM s\nARG v=d\nLABEL x=$v', {}, 'd'],
    ['or a build arg', 'ARG v=g\nFROM s\nARG v\nLABEL x=$v', { v: 'b' }, 'b'],
    ['proxies need no ARG', 'FROM s\nLABEL x=$HTTP_PROXY', { HTTP_PROXY: 'p' }, 'p'],
    ['platforms do', 'FROM s\nLABEL x=$TARGETARCH', {}, ''],
    ['and have their values then', 'FROM s\nARG TARGETARCH\nLABEL x=$TARGETARCH', {}, 'arm64'],
    ['which a build arg changes', 'FROM s\nARG TARGETARCH\nLABEL x=$TARGETARCH', { TARGETARCH: 'x' }, 'x'],
  ])('%s', (_title, text, buildArgs, value) => {
    const predefined = platformValues({ target: 'linux/arm64/v8', build: 'linux/amd64' })
    expect(pairsOf(text, { buildArgs, predefined })).toEqual([value])
  })

  it('says what a program of RUN gets', () => {
    const buildArgs = { HTTP_PROXY: 'p', no_proxy: 'n' }
    const { scope } = expand('FROM s\nARG v=1 w no_proxy\nENV b=2\nARG b=3 a=4', { buildArgs })
    expect(scope.env).toEqual([...env, 'b=2'])
    expect(scope.args).toEqual(['v=1', 'no_proxy=n'])
    expect(scope.proxies).toEqual(['HTTP_PROXY=p'])
  })

  it('is inherited by a stage that is built from another', () => {
    const { scope } = expand('FROM s\nARG v=1')
    const child = new Scope(scope.global, { env: scope.env, parent: scope })
    expect([child.get('v'), child.get('a'), child.isDeclared('v')]).toEqual(['1', '1', true])
  })
})

describe('FROM', () => {
  const from = (text: string, values?: GlobalValues) => {
    const dockerfile = parseDockerfile(text)
    const [stage] = dockerfile.stages
    if (!stage) throw new Error('no stage')
    const { base, platform, used, missing } = expandFrom(stage, new GlobalScope(dockerfile, values))
    return { base, platform, used: [...used], missing: [...missing] }
  }

  it('sees the arguments before it, and the platforms', () => {
    const predefined = platformValues({ target: 'linux/arm64', build: 'linux/amd64', stage: 'x' })
    expect(predefined).toMatchObject({ BUILDOS: 'linux', BUILDARCH: 'amd64', TARGETVARIANT: '', TARGETSTAGE: 'x' })
    const text = 'ARG V=1 W=$V-$TARGETARCH\nARG X\nFROM --platform=$BUILDPLATFORM a:$W${X:-x}'
    expect(from(text, { predefined, buildArgs: { V: '2' } })).toEqual({
      base: 'a:2-arm64x',
      platform: 'linux/amd64',
      used: ['W', 'BUILDPLATFORM'],
      missing: ['X'],
    })
  })

  it.each([
    ['FROM $x', 'base name ($x) should not be blank'],
    ['FROM --platform=$x a', 'empty platform value from expression $x'],
    ['ARG a=${x:?gone}\nFROM a', 'x: gone'],
  ])('%j is refused', (text, message) => {
    expect(() => from(text)).toThrow(message)
  })
})
