import type { BuildGroup } from './build-case.js'

const runs = (...commands: string[]) => commands.map((command) => `RUN ${command}`).join('\n')

/** What several steps make of the same files, and how it is kept. */
export const layers: BuildGroup = {
  'a file that is removed': runs('echo 1 > /a; echo 2 > /b', 'rm /a'),
  'a file of the base that is removed': runs('rm /etc/group /bin/ash'),
  'a file that is removed and made again': runs('echo 1 > /a', 'rm /a', 'echo 2 > /a'),
  'a file that is replaced within a step': runs('echo 1 > /a', 'rm /a && echo 2 > /a'),
  'a file that is changed': runs('echo 1 > /a', 'echo 2 >> /a'),
  'a file that only its mode is changed of': runs('echo 1 > /a', 'chmod 4711 /a'),
  'a file that only its owner is changed of': runs('echo 1 > /a', 'chown 33:33 /a'),
  'a file that only its time is changed of': runs('echo 1 > /a', 'touch -d @1000000000 /a'),
  'a file that is renamed': runs('echo 1 > /a', 'mv /a /b'),
  'a directory that is removed': runs('mkdir -p /d/e && touch /d/e/f', 'rm -r /d'),
  'a directory of the base that is removed': runs('rm -r /var'),
  'a directory that is removed and made again': runs(
    'mkdir /d && touch /d/old',
    'rm -r /d && mkdir /d && touch /d/new',
  ),
  'a directory of the base that is made again': runs('rm -r /usr && mkdir -p /usr/lib && echo 1 > /usr/lib/x'),
  'a directory that is made again in a later step': runs(
    'mkdir /d && touch /d/old',
    'rm -r /d',
    'mkdir /d && touch /d/new',
  ),
  'a directory that is renamed': runs('mkdir -p /d/e && echo 1 > /d/e/f', 'mv /d /n'),
  'a directory that is renamed and made again': runs(
    'mkdir -p /d && echo 1 > /d/f',
    'mv /d /n && mkdir /d && echo 2 > /d/g',
  ),
  'a directory that is emptied': runs('mkdir /d && touch /d/a /d/b', 'rm /d/*'),
  'a directory that only its mode is changed of': runs('mkdir /d && touch /d/a', 'chmod 700 /d'),
  'a directory that is given to another': runs('mkdir -p /d/e && touch /d/a /d/e/b', 'chown -R 33:33 /d'),
  'a file that becomes a directory': runs('echo 1 > /a', 'rm /a && mkdir /a && echo 2 > /a/b'),
  'a directory that becomes a file': runs('mkdir -p /a/b && touch /a/b/c', 'rm -r /a && echo 1 > /a'),
  'a directory that becomes a symlink': runs('mkdir /a /r && touch /a/x /r/y', 'rm -r /a && ln -s /r /a'),
  'a symlink that becomes a directory': runs('mkdir /r && ln -s /r /a', 'rm /a && mkdir /a && touch /a/x'),
  'a symlink that gets another target': runs('ln -s /x /a', 'ln -sf /y /a'),
  'a file that becomes a fifo': runs('touch /a', 'rm /a && mkfifo -m 640 /a'),
  'hard links of a step': runs('mkdir /d && echo 1 > /a && ln /a /b && ln /a /d/c'),
  'hard links of which one is removed': runs('echo 1 > /a && ln /a /b', 'rm /a'),
  'hard links of which one is written to': runs('echo 1 > /a && ln /a /b', 'echo 2 >> /b'),
  'a hard link to a file of a step before': runs('echo 1 > /a', 'ln /a /b'),
  'hard links of symlinks': runs('ln -s /x /a && ln /a /b; ls -i / > /dev/null'),
  'modes with special bits': runs(
    'touch /a /b /c && chmod 4755 /a && chmod 2755 /b && chmod 1777 /c && mkdir -m 3777 /d',
  ),
  'a directory without any rights': runs('mkdir /d && touch /d/x && chmod 000 /d /d/x'),
  'names with blanks, quotes and line ends': runs('touch "/a b" "/c\'d" "/e\\"f" "/$(printf "g\\nh")"'),
  'names that look like whiteouts': runs('mkdir /d && touch /d/wh.a /d/.wha'),
  'names in Unicode': runs('mkdir /ä && touch "/ä/ö ü" /🙂'),
  'a long name': runs(
    'mkdir -p /$(printf %0200d 1)/$(printf %0200d 2) && touch /$(printf %0200d 1)/$(printf %0200d 2)/x',
  ),
  'a symlink of a long target': runs('ln -s /$(printf %0300d 1) /l'),
  'a file with a hole': runs('truncate -s 3000000 /a && echo end >> /a'),
  'a larger file': runs('yes 0123456789 | head -c 5000000 > /a'),
  'an old time': runs('touch -d @0 /a; touch -d @1234567890 /b; mkdir /d; touch -d @1000000000 /d'),
  'many files': runs(
    'mkdir /d && for i in $(seq 300); do echo $i > /d/$i; done',
    'for i in $(seq 1 2 300); do rm /d/$i; done',
  ),
  'owners of large numbers': runs('touch /a && chown 100000:4000000000 /a'),
  'device nodes': runs('mknod /null c 1 3 && mknod -m 640 /loop b 7 0 && mkfifo /pipe'),
  'what is written to /tmp, /root and /home': runs('touch /tmp/a /root/b /home/c'),
  'what is written to /dev and /dev/shm is not kept': runs('touch /dev/shm/x; echo > /dev/null; echo 1 > /a'),
  'what is written to /etc/hosts is not kept': runs(
    'echo 1 >> /etc/hosts; echo 2 >> /etc/resolv.conf; echo 3 > /etc/hostname; cat /etc/hosts | tail -1 > /out',
  ),
  'files where an engine mounts its own': {
    dockerfile: 'FROM corpus\nRUN rm -f /etc/mtab; echo 1 > /etc/other\nRUN touch /a\n',
  },
  'a step that makes and removes a file': runs('echo 1 > /a && rm /a'),
  'a step that writes what is there already': runs('echo 1 > /a', 'echo 1 > /a'),
  'a step that makes a directory that is there': runs('mkdir -p /etc /var/www'),
  'only empty steps': 'RUN true\nWORKDIR /etc\nENV a=1',
  'steps and settings in turns': {
    dockerfile:
      'FROM corpus\nENV a=1\nRUN echo $a > /1\nLABEL b=2\nCOPY f /2\nWORKDIR /w\nRUN true\nADD f 3\nEXPOSE 80\nRUN rm /1\nCMD x\n',
    files: { f: 'f' },
  },
  'copied files that are removed': {
    dockerfile: 'FROM corpus\nCOPY d /d\nRUN rm -r /d/e\n',
    files: { 'd/a': 'a', 'd/e/b': 'b' },
  },
  'copied files that are changed': {
    dockerfile: 'FROM corpus\nCOPY d /d\nRUN chmod 700 /d && echo 2 >> /d/a && ln /d/a /d/c\n',
    files: { 'd/a': 'a\n', 'd/e/b': 'b' },
  },
  'files copied over removed ones': {
    dockerfile: 'FROM corpus\nRUN mkdir -p /d/e && touch /d/a /d/z\nRUN rm -r /d\nCOPY d /d\n',
    files: { 'd/a': 'a\n', 'd/e/b': 'b' },
  },
  'forty steps': Array.from({ length: 20 }, (_, at) => `RUN echo ${at} >> /a\nLABEL l${at}=${at}`).join('\n'),
}
