// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are of Dockerfiles.
import type { Difference } from './difference.js'

/** Of what the language says and makes of a configuration. */
export const languageDifferences: readonly Difference[] = [
  {
    reason: 'Substitutions without a colon, and #, %, /: newer than the classic builder.',
    cases: {
      variables: {
        'a substitution without a colon': {
          config: {
            Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'a=1'],
            Labels: { v: '1', w: 'd', x: 's', y: '' },
          },
          history: ['(ENV)', '(LABEL)'],
          files: {},
        },
        'a prefix that is removed': {
          config: {
            Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'a=foo/bar/baz'],
            Labels: { v: 'bar/baz', w: 'baz' },
          },
          history: ['(ENV)', '(LABEL)'],
          files: {},
        },
        'a suffix that is removed': {
          config: {
            Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'a=foo/bar/baz'],
            Labels: { v: 'foo/bar', w: 'foo' },
          },
          history: ['(ENV)', '(LABEL)'],
          files: {},
        },
        'a part that is replaced': {
          config: {
            Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'a=foo/bar/baz'],
            Labels: { v: 'foo/BAr/baz', w: 'foo/BAr/BAz' },
          },
          history: ['(ENV)', '(LABEL)'],
          files: {},
        },
      },
    },
  },
  {
    reason: 'A stage that is built from another one inherits its ARGs, as with BuildKit and in the reference.',
    cases: {
      scopes: {
        'ARG of a stage is not inherited by a stage upon it': {
          config: { Labels: { a: '[1]', b: '1' } },
          files: { '/out': 'file 644 0:0 "a=1 b=1 c=\\n"' },
        },
      },
    },
  },
  {
    reason: 'ARG without a value keeps the value that there is, as with BuildKit.',
    cases: { scopes: { 'ARG without a value after one with': { files: { '/out': 'file 644 0:0 "a=1 b= c=\\n"' } } } },
  },
  {
    reason: "The arguments of platforms are BuildKit's; the classic builder does not set them.",
    cases: {
      scopes: {
        'ARG of a platform asked for': { config: { Labels: { p: '[linux/amd64linuxamd64]' } } },
        'ARG of a platform before FROM': { config: { Labels: { a: '1' } }, history: ['(LABEL)'], files: {} },
      },
    },
  },
  {
    reason: 'A target may be given by its number, as with BuildKit.',
    cases: { scopes: { 'a target by number': { config: { Labels: { a: '1' } }, history: ['(LABEL)'], files: {} } } },
  },
  {
    reason: 'Stages that the target does not need are not built, as with BuildKit.',
    cases: {
      scopes: {
        'a stage that is not needed and would fail': {
          config: { Labels: { a: '1' } },
          history: ['(LABEL)'],
          files: {},
        },
      },
    },
  },
  {
    reason: 'Heredocs: newer than the classic builder.',
    cases: {
      commands: { 'RUN with a here-string of the shell': { error: 'unterminated heredoc' } },
      refused: { 'a heredoc without an end': { error: 'unterminated heredoc' } },
    },
  },
  {
    reason: 'RUN of no words has nothing to run; the classic builder makes an empty step of it.',
    cases: { commands: { 'RUN of no words': { error: 'arguments are required' } } },
  },
  {
    reason: '0 is the default of intervals, as with BuildKit.',
    cases: {
      commands: {
        'HEALTHCHECK with zeros': {
          config: { Healthcheck: { Test: ['CMD-SHELL', 'true'] } },
          history: ['(HEALTHCHECK)'],
          files: {},
        },
      },
    },
  },
  {
    reason:
      'A HEALTHCHECK says all: what it leaves out is the default, as with BuildKit; the classic builder mixes it with the one before.',
    cases: {
      commands: {
        'HEALTHCHECK NONE over that of a parent': { config: { Healthcheck: { Test: ['NONE'] } } },
        'HEALTHCHECK over that of a parent': { config: { Healthcheck: { Test: ['CMD-SHELL', 'false'], Retries: 2 } } },
        'HEALTHCHECK twice': { config: { Healthcheck: { Test: ['CMD-SHELL', 'b'] } } },
      },
    },
  },
  {
    reason:
      'What RUN writes below a VOLUME is kept, as with BuildKit; the classic builder loses it with an anonymous volume.',
    cases: {
      settings: {
        'VOLUME: what RUN writes after it': { files: { '/v/a': 'file 644 0:0 "1\\n"' } },
        'VOLUME: what RUN wrote before it': { files: { '/v/b': 'file 644 0:0 "2\\n"' } },
        'VOLUME of a parent: what RUN writes': { files: { '/v/a': 'file 644 0:0 "1\\n"' } },
      },
    },
  },
  {
    reason: 'A RUN sees no volumes, and so no directories are made for them, as with BuildKit.',
    cases: {
      settings: {
        'VOLUME: a directory that is made for it': {
          history: ['(VOLUME)', '(RUN)'],
          files: { '/x': undefined, '/x/y': undefined },
        },
      },
    },
  },
  {
    reason: 'Absolute WORKDIRs are made clean, as with BuildKit.',
    cases: {
      settings: {
        'WORKDIR with dots': { config: { WorkingDir: '/a/c' } },
        'WORKDIR with slashes': { config: { WorkingDir: '/a/b' } },
      },
    },
  },
  {
    reason:
      'WORKDIR makes directories for the USER that is set, as with BuildKit. (And the author is inherited, as below.)',
    cases: {
      settings: {
        'WORKDIR of another USER': { files: { '/a': 'directory 755 1:1', '/a/b': 'directory 755 1:1' } },
        'all of a parent': { author: 'me', files: { '/w': 'directory 755 1:1' } },
        'all of a parent changed': { files: { '/w': 'directory 755 1:1' } },
      },
    },
  },
  {
    reason: 'The author of the image below stays, as with BuildKit.',
    cases: { settings: { 'MAINTAINER of a parent': { author: 'them' } } },
  },
  {
    reason: 'What looks like JSON with something behind it is text, as with BuildKit.',
    cases: {
      syntax: { 'JSON with something behind it is a shell': { config: { Cmd: ['/bin/sh', '-c', '["a"] b'] } } },
    },
  },
  {
    reason: "The classic builder's daemon crashes.",
    cases: { refused: { 'only ARG': { error: 'dockerfile contains no stages to build' } } },
  },
]
