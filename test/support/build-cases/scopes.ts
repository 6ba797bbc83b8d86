// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the Dockerfile's to replace.
import type { BuildGroup } from './build-case.js'

const show = 'RUN echo "a=$a b=$b c=$c" > /out'

/** FROM, stages, targets, and who sees which ARG. */
export const scopes: BuildGroup = {
  'ARG with a default': `ARG a=1\n${show}\nLABEL a=$a`,
  'ARG before FROM names the image': { dockerfile: 'ARG base=corpus\nARG tag=latest\nFROM ${base}:$tag\nLABEL a=1\n' },
  'ARG before FROM given': {
    dockerfile: 'ARG base=nothing\nFROM $base\nLABEL a=1\n',
    buildArgs: { base: 'corpus:latest' },
  },
  'ARG before FROM with a default in FROM': { dockerfile: 'FROM ${base:-corpus}\nLABEL a=1\n' },
  'ARG before FROM is not seen after it': { dockerfile: `ARG a=1\nFROM corpus\n${show}\nLABEL a=[$a]\n` },
  'ARG before FROM asked for again': { dockerfile: `ARG a=1\nFROM corpus\nARG a\n${show}\nLABEL a=$a\n` },
  'ARG before FROM with another default': { dockerfile: `ARG a=1\nFROM corpus\nARG a=2\n${show}\nLABEL a=$a\n` },
  'ARG before FROM given and asked for again': {
    dockerfile: `ARG a=1\nFROM corpus\nARG a\n${show}\nLABEL a=$a\n`,
    buildArgs: { a: '9' },
  },
  'ARG before FROM that needs another': {
    dockerfile: 'ARG n=cor\nARG base=${n}pus\nFROM $base\nARG base\nLABEL a=$base\n',
  },
  'ARG given': { dockerfile: `FROM corpus\nARG a=1\nARG b\n${show}\nLABEL a=$a b=$b\n`, buildArgs: { a: '2', b: '3' } },
  'ARG given as nothing': { dockerfile: `FROM corpus\nARG a=1\n${show}\nLABEL a=[$a]\n`, buildArgs: { a: '' } },
  'ARG given and never asked for': { dockerfile: `FROM corpus\n${show}\nLABEL a=[$a]\n`, buildArgs: { a: '2' } },
  'ARG that nobody gives': 'ARG a\nRUN env | grep "^a=" > /out || true\nLABEL a=[$a]',
  'ARG is unknown before its line': `LABEL x=[$a]\n${show}\nARG a=1\nLABEL y=[$a]`,
  'ARG of a stage ends with it': { dockerfile: `FROM corpus AS one\nARG a=1\nFROM corpus\n${show}\nLABEL a=[$a]\n` },
  'ARG of a stage is not inherited by a stage upon it': {
    dockerfile: `FROM corpus AS one\nARG a=1\nENV b=$a\nFROM one\n${show}\nLABEL a=[$a] b=$b\n`,
  },
  'ENV wins over ARG': {
    dockerfile: `FROM corpus\nARG a=1\nENV a=2\n${show}\nLABEL a=$a\n`,
    buildArgs: { a: '3' },
  },
  'ENV wins over a later ARG': {
    dockerfile: `FROM corpus\nENV a=2\nARG a=1\n${show}\nLABEL a=$a\n`,
    buildArgs: { a: '3' },
  },
  'ENV from ARG': { dockerfile: 'FROM corpus\nARG a\nENV a=${a:-none} b=$a\nLABEL a=$a\n', buildArgs: { a: '3' } },
  'ARG from ENV': `ENV b=1\nARG a=\${b}2\n${show}`,
  'ARG with quotes': `ARG a="x y"\nARG b='$a'\nARG c=\\$a\n${show}`,
  'ARG twice': `ARG a=1\nARG a=2\n${show}`,
  'ARG without a value after one with': `ARG a=1\nARG a\n${show}`,
  'several ARGs on a line': { dockerfile: `FROM corpus\nARG a=1 b=2 c\n${show}\n`, buildArgs: { c: '3' } },
  'ARG of a proxy is there without being asked for': {
    dockerfile: 'FROM corpus\nRUN echo "$HTTP_PROXY $https_proxy" > /out\n',
    buildArgs: { HTTP_PROXY: 'http://p', https_proxy: 'http://q' },
  },
  'ARG of a platform asked for':
    'ARG TARGETPLATFORM\nARG TARGETOS\nARG TARGETARCH\nLABEL p=[$TARGETPLATFORM$TARGETOS$TARGETARCH]',
  'ARG of a platform before FROM': { dockerfile: 'FROM --platform=$BUILDPLATFORM corpus\nLABEL a=1\n' },
  'FROM with a platform': { dockerfile: 'FROM --platform=linux/amd64 corpus\nLABEL a=1\n' },
  'FROM scratch alone with a label': { dockerfile: 'FROM scratch\nLABEL a=1\nENV b=2\n' },
  'FROM scratch with files': { dockerfile: 'FROM scratch\nCOPY a.txt /\n', files: { 'a.txt': 'a' } },
  'FROM scratch as a stage': {
    dockerfile: 'FROM scratch AS files\nCOPY a.txt /x/\nFROM corpus\nCOPY --from=files / /from\n',
    files: { 'a.txt': 'a' },
  },
  'FROM a stage': {
    dockerfile: 'FROM corpus AS one\nENV a=1\nRUN echo 1 > /one\nFROM one\nRUN cat /one > /two\nLABEL a=$a\n',
  },
  'FROM a stage in other letters': { dockerfile: 'FROM corpus AS One\nRUN echo 1 > /one\nFROM oNE\nLABEL a=1\n' },
  'FROM and AS in small letters': { dockerfile: 'from corpus as one\nrun echo 1 > /one\nfrom one\nlabel a=1\n' },
  'FROM an image of a stage of the same name': {
    dockerfile: 'FROM corpus AS corpus\nLABEL a=1\nFROM corpus\nLABEL b=2\n',
  },
  'FROM a parent': {
    dockerfile: 'FROM corpus-parent\nLABEL b=2\nRUN cat /parent > /child\n',
    parents: { 'corpus-parent': 'FROM corpus\nLABEL a=1\nENV p=/parent\nRUN echo p > /parent\nCMD ["parent"]\n' },
  },
  'FROM an image ID is the image': {
    dockerfile: 'FROM corpus-parent:1\nFROM corpus-parent:1 AS again\nLABEL b=2\n',
    parents: { 'corpus-parent:1': 'FROM corpus\nLABEL a=1\n' },
  },
  'nothing after FROM': { dockerfile: 'FROM corpus\n' },
  'a target': {
    dockerfile: 'FROM corpus AS one\nLABEL a=1\nFROM corpus AS two\nLABEL a=2\nFROM corpus\nLABEL a=3\n',
    target: 'two',
  },
  'a target in other letters': { dockerfile: 'FROM corpus AS One\nLABEL a=1\nFROM corpus\nLABEL a=2\n', target: 'ONE' },
  'a target by number': { dockerfile: 'FROM corpus\nLABEL a=1\nFROM corpus\nLABEL a=2\n', target: '0' },
  'a target that is the last stage': { dockerfile: 'FROM corpus AS one\nFROM one AS two\nLABEL a=2\n', target: 'two' },
  'a target whose later stages would fail': {
    dockerfile: 'FROM corpus AS one\nLABEL a=1\nFROM one\nRUN false\n',
    target: 'one',
  },
  'COPY from a stage by name': {
    dockerfile:
      'FROM corpus AS one\nRUN mkdir /d && echo 1 > /d/f && ln -s f /d/l\nFROM corpus\nCOPY --from=one /d /e\n',
  },
  'COPY from a stage by number': {
    dockerfile:
      'FROM corpus\nRUN echo 1 > /f\nFROM corpus\nRUN echo 2 > /f\nFROM corpus\nCOPY --from=0 /f /a\nCOPY --from=1 f /b\n',
  },
  'COPY from an image': {
    dockerfile: 'FROM corpus\nCOPY --from=corpus-parent /parent /etc/passwd /got/\n',
    parents: { 'corpus-parent': 'FROM corpus\nRUN echo p > /parent\n' },
  },
  'COPY from a stage that is named in other letters': {
    dockerfile: 'FROM corpus AS One\nRUN echo 1 > /f\nFROM corpus\nCOPY --from=ONE /f /\n',
  },
  'COPY from a stage relative to nothing but the root': {
    dockerfile:
      'FROM corpus AS one\nWORKDIR /w\nRUN echo 1 > /w/f && echo 2 > /f\nFROM corpus\nCOPY --from=one f /got\n',
  },
  'COPY from a stage keeps owner, mode and time': {
    dockerfile:
      'FROM corpus AS one\nRUN mkdir -m 750 /d && echo 1 > /d/f && chmod 6711 /d/f && chown -R 7:8 /d && touch -d @1000000000 /d/f /d\nFROM corpus\nCOPY --from=one /d /d\nCOPY --from=one /d/f /f\n',
  },
  'COPY from a stage with chown': {
    dockerfile:
      'FROM corpus AS one\nRUN mkdir /d && echo 1 > /d/f && chown 7:8 /d/f\nFROM corpus\nCOPY --chown=daemon:33 --from=one /d /d\n',
  },
  'COPY from a stage with wildcards': {
    dockerfile:
      'FROM corpus AS one\nRUN mkdir /d && touch /d/a1 /d/a2 /d/b1\nFROM corpus\nCOPY --from=one /d/a* /got/\n',
  },
  'COPY all of a stage': {
    dockerfile: 'FROM scratch AS one\nCOPY d /\nFROM scratch\nCOPY --from=one / /\n',
    files: { 'd/a': 'a', 'd/e/b': 'b' },
  },
  'COPY from three stages': {
    dockerfile:
      'FROM corpus AS a\nRUN echo a > /a\nFROM a AS b\nRUN echo b > /b\nFROM corpus AS c\nCOPY --from=b /a /b /c/\nFROM scratch\nCOPY --from=c /c /\n',
  },
  'a stage that is not needed and would fail': {
    dockerfile: 'FROM corpus AS one\nRUN false\nFROM corpus\nLABEL a=1\n',
  },
  'configuration of a stage that files are copied from': {
    dockerfile: 'FROM corpus AS one\nENV a=1\nCMD ["one"]\nVOLUME /v\nFROM corpus\nCOPY --from=one /etc/group /g\n',
  },
}
