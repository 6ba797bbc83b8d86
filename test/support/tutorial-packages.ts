import type { DebianPackage } from './debian-packages.js'

const cowsay = `#!/bin/bash
text=\${*:-$(cat)}
printf ' %s\\n< %s >\\n %s\\n' "\${text//?/_}__" "$text" "\${text//?/-}--"
cat <<'END'
        \\   ^__^
         \\  (oo)\\_______
            (__)\\       )\\/\\
                ||----w |
                ||     ||
END
`

const gem = `#!/bin/bash -e
case $1 in
  install) mkdir -p "/var/lib/gems/$2" && echo "Successfully installed $2" ;;
  list) ls /var/lib/gems ;;
esac
`

const apachectl = `#!/bin/bash
[ "$*" = '-D FOREGROUND' ] && exec python3 -m http.server --directory /var/www 80
`

/** What the tutorials' Dockerfiles install with apt-get: programs of these names that do little of what the real ones do. */
export const tutorialPackages: Readonly<Record<string, DebianPackage>> = {
  cowsay: { version: '3.03', programs: { 'usr/games/cowsay': cowsay, 'usr/local/bin/cowsay': cowsay } },
  'fortune-mod': {
    version: '1.99',
    fields: { Provides: 'fortune' },
    programs: { 'usr/games/fortune': '#!/bin/bash\necho You will build many images.\n' },
  },
  fortunes: { version: '1.99', fields: { Depends: 'fortune-mod (>= 1.99)' } },
  ruby: { version: '1:1.9.3.4', programs: { 'usr/bin/gem': gem } },
  'ruby-dev': { version: '1:1.9.3.4', fields: { Depends: 'ruby' } },
  apache2: { version: '2.4', programs: { 'usr/sbin/apachectl': apachectl } },
  'mypackage 1': { version: '1.3', programs: { 'usr/bin/mypackage': '#!/bin/bash\necho 1.3\n' } },
  'mypackage 2': { version: '1.4', programs: { 'usr/bin/mypackage': '#!/bin/bash\necho 1.4\n' } },
}

/** Flask is there already, and uWSGI is the program below. */
export const pip = `#!/bin/bash -e
[ "$1" = install ] || exit 2
shift
[ "$1" != -r ] || set -- $(cat "$2")
mkdir -p /var/lib/pip
for package; do echo "$package" >> /var/lib/pip/installed; done
echo "Successfully installed $*"
`

/** Serves a WSGI application as uWSGI does, and its statistics. */
export const uwsgi = `#!/usr/bin/python3
import argparse, importlib.util, json, os, threading
from wsgiref.simple_server import make_server

parser = argparse.ArgumentParser()
for option in ('--http', '--wsgi-file', '--callable', '--stats'):
    parser.add_argument(option)
options = parser.parse_args()
module = importlib.util.spec_from_file_location('application', options.wsgi_file)
loaded = importlib.util.module_from_spec(module)
module.loader.exec_module(loaded)
requests = 0

def counted(environ, start):
    global requests
    requests += 1
    return getattr(loaded, options.callable)(environ, start)

def stats(environ, start):
    start('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({'requests': requests, 'uid': os.getuid()}).encode()]

def serve(address, application):
    host, port = address.split(':')
    make_server(host, int(port), application).serve_forever()

threading.Thread(target=serve, args=(options.stats, stats), daemon=True).start()
serve(options.http, counted)
`
