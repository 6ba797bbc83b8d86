// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { describe, expect, it } from 'vitest'
import { type CheckOptions, checkDockerfile, parseDockerfile, platformValues, type Rule } from '../index.js'

const predefined = platformValues({ target: 'linux/arm64', build: 'linux/amd64' })

function check(text: string, options: CheckOptions = {}) {
  return checkDockerfile(parseDockerfile(text), { predefined, ...options })
}

function findings(text: string, options?: CheckOptions) {
  return check(text, options).findings.map(({ rule, message, lines }) => [rule, lines.first, message])
}

describe('checks', () => {
  it.each<[Rule, number, string, string]>([
    ['StageNameCasing', 1, "Stage name 'Base' should be lowercase", 'FROM a AS Base'],
    ['FromAsCasing', 1, "'as' and 'FROM' keywords' casing do not match", 'FROM a as b'],
    ['FromAsCasing', 1, "'AS' and 'from' keywords' casing do not match", 'from a AS b'],
    ['NoEmptyContinuation', 4, 'Empty continuation line', 'FROM a\nRUN b \\\n\n  c'],
    [
      'ConsistentInstructionCasing',
      3,
      "Command 'run' should match the case of the command majority (uppercase)",
      'FROM a\nUSER b\nrun c',
    ],
    [
      'ConsistentInstructionCasing',
      1,
      "Command 'FROM' should match the case of the command majority (lowercase)",
      'FROM a\nuser b\nrun c',
    ],
    [
      'ConsistentInstructionCasing',
      2,
      "Command 'Run' should match the case of the command majority (uppercase)",
      'FROM a\nRun b',
    ],
    ['DuplicateStageName', 2, 'Duplicate stage name "b", stage names should be unique', 'FROM a AS b\nFROM c AS b'],
    [
      'ReservedStageName',
      1,
      'Stage name should not use the same name as reserved stage "scratch"',
      'FROM a AS scratch',
    ],
    [
      'ReservedStageName',
      1,
      'Stage name should not use the same name as reserved stage "context"',
      'FROM a AS context',
    ],
    [
      'JSONArgsRecommended',
      2,
      'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      'FROM a\nCMD b',
    ],
    [
      'JSONArgsRecommended',
      2,
      'JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals',
      'FROM a\nENTRYPOINT b',
    ],
    ['MaintainerDeprecated', 2, 'Maintainer instruction is deprecated in favor of using label', 'FROM a\nMAINTAINER b'],
    [
      'UndefinedArgInFrom',
      2,
      "FROM argument 'VERSON' is not declared (did you mean VERSION?)",
      'ARG VERSION=1\nFROM a:1$VERSON',
    ],
    ['UndefinedArgInFrom', 1, "FROM argument 'ZZZ' is not declared", 'FROM a${ZZZ:-b}'],
    [
      'WorkdirRelativePath',
      2,
      'Relative workdir "b" can have unexpected results if the base image changes',
      'FROM a\nWORKDIR b',
    ],
    ['UndefinedVar', 2, "Usage of undefined variable '$b'", 'FROM a\nLABEL x=$b'],
    ['UndefinedVar', 3, "Usage of undefined variable '$nmae' (did you mean $name?)", 'FROM a\nENV name=1\nUSER x$nmae'],
    ['UndefinedVar', 2, "Usage of undefined variable '$b'", 'FROM a\nCOPY <<E /x\n$b\nE'],
    [
      'MultipleInstructionsDisallowed',
      2,
      'Multiple CMD instructions should not be used in the same stage because only the last one will be used',
      'FROM a\nCMD ["b"]\nCMD ["c"]',
    ],
    [
      'MultipleInstructionsDisallowed',
      2,
      'Multiple ENTRYPOINT instructions should not be used in the same stage because only the last one will be used',
      'FROM a\nENTRYPOINT ["b"]\nUSER u\nENTRYPOINT ["c"]',
    ],
    [
      'MultipleInstructionsDisallowed',
      2,
      'Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used',
      'FROM a\nHEALTHCHECK NONE\nHEALTHCHECK NONE',
    ],
    [
      'LegacyKeyValueFormat',
      2,
      '"ENV key=value" should be used instead of legacy "ENV key value" format',
      'FROM a\nENV b c',
    ],
    [
      'LegacyKeyValueFormat',
      2,
      '"LABEL key=value" should be used instead of legacy "LABEL key value" format',
      'FROM a\nLABEL b c',
    ],
    [
      'RedundantTargetPlatform',
      1,
      'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
      'FROM --platform=$TARGETPLATFORM a',
    ],
    [
      'SecretsUsedInArgOrEnv',
      2,
      'Do not use ARG or ENV instructions for sensitive data (ARG "API_KEY")',
      'FROM a\nARG API_KEY',
    ],
    [
      'SecretsUsedInArgOrEnv',
      2,
      'Do not use ARG or ENV instructions for sensitive data (ENV "db_password")',
      'FROM a\nENV db_password=x',
    ],
    [
      'InvalidDefaultArgInFrom',
      2,
      'Default value for ARG a:$V results in empty or invalid base image name',
      'ARG V\nFROM a:$V',
    ],
    [
      'FromPlatformFlagConstDisallowed',
      1,
      'FROM --platform flag should not use constant value "linux/arm64"',
      'FROM --platform=linux/arm64 a',
    ],
    [
      'CopyIgnoredFile',
      2,
      'Attempting to Copy file "no/b" that is excluded by .dockerignore',
      'FROM a\nCOPY /no/../no/b c',
    ],
    ['CopyIgnoredFile', 2, 'Attempting to Add file "no" that is excluded by .dockerignore', 'FROM a\nADD ./no/ c'],
    [
      'ExposeProtoCasing',
      2,
      "Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
      'FROM a\nEXPOSE 80/TcP',
    ],
    [
      'ExposeInvalidFormat',
      2,
      "EXPOSE instruction should not define an IP address or host-port mapping, found '1:2'",
      'FROM a\nEXPOSE 1:2',
    ],
    [
      'ExposeInvalidFormat',
      2,
      "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
      'FROM a\nEXPOSE 127.0.0.1:80:80',
    ],
    [
      'InvalidDefinitionDescription',
      3,
      'Comment for FROM should follow the format: `# b <description>`',
      '# check=experimental=all\n# it is good\nFROM a AS b',
    ],
    [
      'InvalidDefinitionDescription',
      3,
      'Comment for ARG should follow the format: `# V <description>`',
      '# check=experimental=InvalidDefinitionDescription\n# good\nARG V=1\nFROM a',
    ],
  ])('%s is found at line %i: %s', (rule, line, message, text) => {
    const options = {
      buildArgs: { V: '1' },
      isIgnored: (path: string) => path.startsWith('no'),
    }
    expect(findings(text, options)).toEqual([[rule, line, message]])
  })

  it.each([
    'FROM a AS b',
    'from a as b',
    'FROM a\nSHELL ["b"]\nCMD c',
    'FROM a AS b\nSHELL ["b"]\nFROM b\nCMD c',
    'FROM a\nWORKDIR /b\nWORKDIR c',
    'FROM a AS b\nWORKDIR /b\nFROM b\nWORKDIR c',
    'FROM a\nENV PATH=$PATH:/x',
    'FROM a\nARG b\nLABEL x=$b',
    'FROM a AS b\nARG c=1\nENV d=1\nFROM b\nLABEL x=$c$d',
    'ARG V=1\nFROM a:$V',
    'ARG V\nFROM a:${V:-1}',
    'FROM --platform=$BUILDPLATFORM a',
    'FROM --platform=linux/arm64 a AS for-arm64',
    'FROM a\nENV KEY_FILE=x PUBLIC_KEY=y MONKEY=z',
    'FROM a\nCMD ["b"]\nFROM c\nCMD ["d"]',
    'FROM a\nCOPY yes b',
    'FROM a\nCOPY --from=x no b',
    'FROM a\nADD https://no/x b',
    'FROM a\nEXPOSE 80/tcp 81',
    '# it is good\nFROM a AS b',
    '# check=experimental=all\n# b is good\nFROM a AS b\n# c is good\nARG c d',
    '# check=experimental=all\n# unrelated\n\nFROM a AS b',
  ])('nothing is found in %j', (text) => {
    expect(findings(text, { isIgnored: (path) => path.startsWith('no') })).toEqual([])
  })

  it('know what an image has', () => {
    const text = 'FROM a\nLABEL x=$fromImage\nCMD b'
    const image = (name: string) => (name === 'a' ? { env: ['fromImage=1'], shell: ['x'] } : undefined)
    expect(findings(text, { image })).toEqual([])
  })

  it('are told in the order of the lines', () => {
    const text = 'FROM a as b\nMAINTAINER c\nWORKDIR d\nCMD e'
    expect(findings(text).map(([rule, line]) => [line, rule])).toEqual([
      [1, 'FromAsCasing'],
      [2, 'MaintainerDeprecated'],
      [3, 'WorkdirRelativePath'],
      [4, 'JSONArgsRecommended'],
    ])
  })

  it.each([
    ['# check=skip=FromAsCasing,MaintainerDeprecated\nFROM a as b\nMAINTAINER c\nCMD d', ['JSONArgsRecommended']],
    ['# check=skip=all\nFROM a as b\nMAINTAINER c', []],
    ['FROM a\n# check=skip=JSONArgsRecommended\nCMD b\nENTRYPOINT c', ['JSONArgsRecommended']],
    ['# check=error=true\n#\n# check=skip=FromAsCasing\nFROM a as b\nMAINTAINER c', ['MaintainerDeprecated']],
  ])('%j skips some', (text, rules) => {
    expect(check(text).findings.map(({ rule }) => rule)).toEqual(rules)
  })

  it('are an error where the file says so', () => {
    expect(check('# check=error=true\nFROM a\nMAINTAINER b').isError).toBe(true)
    expect(check('# check=error=true\nFROM a').isError).toBe(false)
    expect(check('FROM a\nMAINTAINER b').isError).toBe(false)
  })

  it('tell no more than somebody reads', () => {
    const text = `FROM a\n${'MAINTAINER b\n'.repeat(2000)}`
    expect(check(text).findings).toHaveLength(1000)
  })

  it('fail with what a build would fail with', () => {
    expect(() => check('FROM a\nLABEL x=${y:?needed}')).toThrow('y: needed')
  })
})
