import { describe, expect, it } from 'vitest'
import { applyChanges } from './changes.js'

describe('changes', () => {
  it.each([
    [['CMD echo hi'], { Cmd: ['/bin/sh', '-c', 'echo hi'] }],
    [['cmd ["echo", "hi"]'], { Cmd: ['echo', 'hi'] }],
    [['CMD [ "a"'], { Cmd: ['/bin/sh', '-c', '[ "a"'] }],
    [['CMD $x # y'], { Cmd: ['/bin/sh', '-c', '$x # y'] }],
    [['ENTRYPOINT ["/init"]'], { Entrypoint: ['/init'] }],
    [['CMD ["y"]', 'ENTRYPOINT ["x"]'], { Entrypoint: ['x'], Cmd: ['y'] }],
    [['ENV A b c'], { Env: ['A=b c'] }],
    [['ENV A "b c"  d'], { Env: ['A=b c  d'] }],
    [['ENV A=1', 'ENV A=2 B=x\\ y'], { Env: ['A=2', 'B=x y'] }],
    [
      ['ENV A=1', `ENV A=2 B=$A C=\${A}x D=\${N:-d} E=\${A:+e} F=\${N:+f}`],
      { Env: ['A=2', 'B=1', 'C=1x', 'D=d', 'E=e', 'F='] },
    ],
    [['ENV a=\'$x\' b="\\n\\$x" c=\\n d=$1 e=f$'], { Env: ['a=$x', 'b=\\n$x', 'c=n', 'd=', 'e=f$'] }],
    [['ENV a=1 \\\n# comment\n  b=2\nLABEL c=d', '# none'], { Env: ['a=1', 'b=2'], Labels: { c: 'd' } }],
    [['LABEL a=b "c d"=\'e f\''], { Labels: { a: 'b', 'c d': 'e f' } }],
    [['LABEL "a b"=c'], { Labels: { 'a b': 'c' } }],
    [['EXPOSE 8000-8002 53/UDP'], { ExposedPorts: { '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {}, '53/udp': {} } }],
    [['ENV P=80', 'EXPOSE $P $Q'], { Env: ['P=80'], ExposedPorts: { '80/tcp': {} } }],
    [['VOLUME /data /more'], { Volumes: { '/data': {}, '/more': {} } }],
    [['VOLUME ["/a b"]'], { Volumes: { '/a b': {} } }],
    [['USER 1000:1000', 'STOPSIGNAL SIGQUIT'], { User: '1000:1000', StopSignal: 'SIGQUIT' }],
    [['CMD', 'USER a b'], { Cmd: ['/bin/sh', '-c'], User: 'a b' }],
    [['WORKDIR /a', 'WORKDIR b'], { WorkingDir: '/a/b' }],
    [['WORKDIR ../x y'], { WorkingDir: '/x y' }],
    [['ONBUILD RUN a   b', 'onbuild run c'], { OnBuild: ['RUN a   b', 'run c'] }],
    [['HEALTHCHECK NONE'], { Healthcheck: { Test: ['NONE'] } }],
    [['healthcheck cmd curl $HOME "a b"'], { Healthcheck: { Test: ['CMD-SHELL', 'curl $HOME "a b"'] } }],
    [
      ['HEALTHCHECK --interval=1m30.5s --timeout=3s --retries=2 --start-period=1ms CMD ["a","b"]'],
      {
        Healthcheck: { Test: ['CMD', 'a', 'b'], Interval: 90_500_000_000, Timeout: 3e9, StartPeriod: 1e6, Retries: 2 },
      },
    ],
  ])('%j means %j', (changes, config) => {
    expect(applyChanges({}, changes)).toEqual(config)
  })

  it('change what is there, and a new entrypoint ends the command of the old one', () => {
    const base = {
      Cmd: ['old'],
      Env: ['A=1', 'B=2'],
      Labels: { a: 'b' },
      Shell: ['/bin/bash', '-c'],
      OnBuild: ['RUN x'],
    }
    expect(applyChanges(base, ['ENTRYPOINT a b', 'ENV B=$A', 'LABEL c=d', 'ONBUILD RUN y'])).toEqual({
      Entrypoint: ['/bin/bash', '-c', 'a b'],
      Env: ['A=1', 'B=1'],
      Labels: { a: 'b', c: 'd' },
      Shell: ['/bin/bash', '-c'],
      OnBuild: ['RUN x', 'RUN y'],
    })
  })

  it.each([
    ['RUN ls', 'run is not a valid change command'],
    ['SHELL ["a"]', 'shell is not a valid change command'],
    ['', 'file with no instructions'],
    ['# x', 'file with no instructions'],
    ['CMD ["a", 1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
    ['ENV A', 'ENV must have two arguments'],
    ['ENV A=1 B', /can't find = in "B"/],
    ['ENV =x', 'ENV names can not be blank'],
    ['ENV A="x', 'unexpected end of statement while looking for matching double-quote'],
    ['ENV A=${x', 'failed to process'],
    ['EXPOSE 99999', 'invalid containerPort: 99999'],
    ['EXPOSE x', 'invalid containerPort: x'],
    ['EXPOSE 80/xyz', 'invalid proto: xyz'],
    ['VOLUME []', 'VOLUME requires at least one argument'],
    ['VOLUME ["a", ""]', 'VOLUME specified can not be an empty string'],
    ['USER', 'USER requires exactly one argument'],
    ['WORKDIR', 'WORKDIR requires exactly one argument'],
    ['ONBUILD ONBUILD x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ['ONBUILD from x', "FROM isn't allowed as an ONBUILD trigger"],
    ['HEALTHCHECK foo', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
    ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
    ['HEALTHCHECK --foo=1 CMD x', 'unknown flag: --foo'],
    ['HEALTHCHECK --interval CMD x', 'missing a value on flag: --interval'],
    ['HEALTHCHECK --interval=1s --interval=1s CMD x', 'duplicate flag specified: --interval'],
    ['HEALTHCHECK --interval=x CMD x', 'time: invalid duration "x"'],
    ['HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms'],
    ['HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)'],
    ['HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments'],
  ])('refuses %j', (change, message) => {
    expect(() => applyChanges({}, [change])).toThrow(message)
  })
})
