// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the Dockerfile's to replace.
import type { BuildGroup } from './build-case.js'

const parent = (lines: string) => ({ 'corpus-parent': `FROM corpus\n${lines}\n` })

/** LABEL, EXPOSE, VOLUME, USER, WORKDIR, MAINTAINER, what is inherited, and triggers. */
export const settings: BuildGroup = {
  'LABEL in all forms': 'LABEL a=1 b="x y" c=x\\ y "d e"=f g=\nLABEL h i j',
  'LABEL the last one counts': 'LABEL a=1\nLABEL a=2 b=3 b=4',
  'LABEL over several lines': 'LABEL a="one\\\n two" \\\n  b=2',
  'LABEL of a parent': { dockerfile: 'FROM corpus-parent\nLABEL b=3 c=4\n', parents: parent('LABEL a=1 b=2') },
  'LABEL names as they are used': 'LABEL org.opencontainers.image.title="x" com.example/x-y=z _=1',
  'LABEL with Unicode': 'LABEL ä="ö ü" emoji=🙂',
  'EXPOSE in all forms': 'EXPOSE 80 443/tcp 53/udp 9/sctp 7000-7002 8000-8001/udp 1/TCP',
  'EXPOSE twice': 'EXPOSE 80\nEXPOSE 80/tcp 81',
  'EXPOSE of a parent': { dockerfile: 'FROM corpus-parent\nEXPOSE 81\n', parents: parent('EXPOSE 80 90/udp') },
  'EXPOSE of a host port': 'EXPOSE 8080:80',
  'EXPOSE of zero': 'EXPOSE 0',
  'VOLUME in all forms': 'VOLUME /a /b\nVOLUME ["/c d", "/e"]\nVOLUME /f',
  'VOLUME relative': 'VOLUME data',
  'VOLUME with a slash at its end': 'VOLUME /a/ /b//c',
  'VOLUME of a parent': { dockerfile: 'FROM corpus-parent\nVOLUME /b\n', parents: parent('VOLUME /a') },
  'VOLUME: what RUN writes after it': 'VOLUME /v\nRUN mkdir -p /v && echo 1 > /v/a',
  'VOLUME: what RUN wrote before it': 'RUN mkdir /v && echo 1 > /v/a\nVOLUME /v\nRUN echo 2 > /v/b; cat /v/a > /out',
  'VOLUME: what COPY writes after it': {
    dockerfile: 'FROM corpus\nVOLUME /v\nCOPY a /v/a\n',
    files: { a: 'a' },
  },
  'VOLUME of a parent: what RUN writes': {
    dockerfile: 'FROM corpus-parent\nRUN echo 1 > /v/a; ls /v > /out\n',
    parents: parent('RUN mkdir /v && echo 0 > /v/z\nVOLUME /v'),
  },
  'VOLUME: a directory that is made for it': 'VOLUME /x/y\nRUN true',
  'USER by name': 'USER daemon',
  'USER by name and group': 'USER daemon:wheel',
  'USER by number': 'USER 1000',
  'USER by numbers': 'USER 1000:1001',
  'USER of two words': 'USER a b',
  'USER twice': 'USER daemon\nUSER root',
  'USER that is unknown and not used': 'USER nobody-here',
  'USER of a parent': { dockerfile: 'FROM corpus-parent\nRUN id > /tmp/out\n', parents: parent('USER daemon') },
  'USER in a variable with a default': 'ARG u\nUSER ${u:-33}',
  'USER does not own what COPY makes': {
    dockerfile: 'FROM corpus\nUSER daemon\nCOPY a /x/a\nADD a /y/\n',
    files: { a: 'a' },
  },
  'WORKDIR that is missing': 'WORKDIR /a/b/c',
  'WORKDIR that is there': 'WORKDIR /etc',
  'WORKDIR that is the root': 'WORKDIR /',
  'WORKDIR relative to nothing': 'WORKDIR a',
  'WORKDIR relative to another': 'WORKDIR /a\nWORKDIR b/c\nWORKDIR ../d\nWORKDIR ./e',
  'WORKDIR above the root': 'WORKDIR ../../a',
  'WORKDIR with dots': 'WORKDIR /a/./b/../c',
  'WORKDIR with slashes': 'WORKDIR //a//b/',
  'WORKDIR with a blank': 'WORKDIR /a b',
  'WORKDIR with quotes': 'WORKDIR "/a b"',
  'WORKDIR twice the same': 'WORKDIR /a\nWORKDIR /a',
  'WORKDIR of a parent': { dockerfile: 'FROM corpus-parent\nWORKDIR b\n', parents: parent('WORKDIR /a') },
  'WORKDIR through a symlink': 'RUN mkdir /real && ln -s /real /link\nWORKDIR /link/a\nRUN pwd > out',
  'WORKDIR at a symlink': 'RUN mkdir /real && ln -s real /link\nWORKDIR /link\nRUN pwd > out',
  'WORKDIR through a symlink above the root': 'RUN ln -s ../../../x /link && mkdir /x\nWORKDIR /link/a',
  'WORKDIR at a dangling symlink': 'RUN ln -s /nowhere /link\nWORKDIR /link/a',
  'WORKDIR of another USER': 'USER daemon\nWORKDIR /a/b',
  'WORKDIR with a mode below which it is made': 'RUN mkdir -m 700 /a && chown 33 /a\nWORKDIR /a/b',
  MAINTAINER: 'MAINTAINER Some One <some@one>',
  'MAINTAINER twice': 'MAINTAINER a\nMAINTAINER b',
  'MAINTAINER of a parent': { dockerfile: 'FROM corpus-parent\nLABEL a=1\n', parents: parent('MAINTAINER them') },
  'all of a parent': {
    dockerfile: 'FROM corpus-parent\nLABEL last=1\n',
    parents: parent(
      'ENV a=1\nLABEL b=2\nEXPOSE 80\nVOLUME /v\nUSER daemon\nWORKDIR /w\nSTOPSIGNAL SIGINT\nSHELL ["/bin/ash", "-c"]\nHEALTHCHECK CMD true\nENTRYPOINT ["e"]\nCMD ["c"]\nMAINTAINER me',
    ),
  },
  'all of a parent changed': {
    dockerfile:
      'FROM corpus-parent\nENV a=2 c=3\nLABEL b=3\nEXPOSE 81\nVOLUME /w\nUSER root\nWORKDIR x\nSTOPSIGNAL 9\nSHELL ["/bin/sh", "-c"]\nHEALTHCHECK NONE\nCMD d\nMAINTAINER you\n',
    parents: parent(
      'ENV a=1\nLABEL b=2\nEXPOSE 80\nVOLUME /v\nUSER daemon\nWORKDIR /w\nSTOPSIGNAL SIGINT\nSHELL ["/bin/ash", "-c"]\nHEALTHCHECK CMD true\nENTRYPOINT ["e"]\nCMD ["c"]\nMAINTAINER me',
    ),
  },
  'ONBUILD is kept': 'ONBUILD RUN echo 1 > /a\nONBUILD  COPY  . /app\nONBUILD CMD ["x"]',
  'ONBUILD in small letters': 'onbuild run echo 1\nOnBuild copy a b',
  'ONBUILD runs in a child, and is gone': {
    dockerfile: 'FROM corpus-parent\nLABEL a=1\n',
    parents: parent('ONBUILD RUN echo 1 > /a\nONBUILD ENV b=2\nONBUILD LABEL c=$b'),
  },
  'ONBUILD runs before the child': {
    dockerfile: 'FROM corpus-parent\nRUN cat /a > /b\nENV x=child\n',
    parents: parent('ONBUILD RUN echo 1 > /a\nONBUILD ENV x=parent\nONBUILD WORKDIR /w'),
  },
  'ONBUILD copies from the context of the child': {
    dockerfile: 'FROM corpus-parent\n',
    files: { 'app/main': 'main', 'app/sub/x': 'x', other: 'o' },
    parents: parent('WORKDIR /usr/src/app\nONBUILD COPY app .\nONBUILD ADD other /other\nONBUILD RUN ls > /ls'),
  },
  'ONBUILD with the ARG of the child': {
    dockerfile: 'FROM corpus-parent\nLABEL y=$v\n',
    buildArgs: { v: '7' },
    parents: parent('ONBUILD ARG v=1\nONBUILD LABEL x=$v'),
  },
  'ONBUILD in a stage': {
    dockerfile: 'FROM corpus-parent AS one\nFROM corpus\nCOPY --from=one /a /got\n',
    parents: parent('ONBUILD RUN echo 1 > /a'),
  },
  'ONBUILD of a stage is run in the stage upon it': {
    dockerfile: 'FROM corpus AS one\nONBUILD RUN echo 1 > /a\nFROM one\nLABEL a=1\n',
  },
  'ONBUILD of a child of a child': {
    dockerfile: 'FROM corpus-child\nLABEL a=1\n',
    parents: {
      'corpus-parent': 'FROM corpus\nONBUILD RUN echo 1 >> /a\n',
      'corpus-child': 'FROM corpus-parent\nONBUILD RUN echo 2 >> /a\n',
    },
  },
  'ONBUILD with an ENTRYPOINT and a CMD': {
    dockerfile: 'FROM corpus-parent\nCMD ["mine"]\n',
    parents: parent(
      'CMD ["theirs"]\nONBUILD ENTRYPOINT ["e"]\nONBUILD USER daemon\nONBUILD EXPOSE 80\nONBUILD VOLUME /v',
    ),
  },
  'ONBUILD with HEALTHCHECK, SHELL and STOPSIGNAL': {
    dockerfile: 'FROM corpus-parent\nCMD x\n',
    parents: parent('ONBUILD HEALTHCHECK CMD true\nONBUILD SHELL ["/bin/ash", "-c"]\nONBUILD STOPSIGNAL 9'),
  },
  'ONBUILD over several lines': {
    dockerfile: 'FROM corpus-parent\n',
    parents: parent('ONBUILD RUN echo 1 \\\n  2 \\\n  3 > /a'),
  },
  'no layers: only settings':
    'ENV a=1\nLABEL b=2\nEXPOSE 80\nUSER daemon\nVOLUME /v\nSTOPSIGNAL 9\nONBUILD RUN x\nSHELL ["a"]\nHEALTHCHECK NONE\nARG z\nENTRYPOINT ["e"]\nCMD ["c"]',
}
