#include <netinet/in.h>
#include <sys/socket.h>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "namespace.h"

namespace inboard {
namespace {

/** A socket belongs to the namespace of the thread that makes it, and stays there wherever it is used. */
int openStream(int family) {
  return check(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP), "socket");
}

Napi::Value tcpSocket(const Napi::CallbackInfo& info) {
  const int family = toInt(info[0]) == 6 ? AF_INET6 : AF_INET;
  const int opened = insideNetwork(toInt(info[1]), [family] { return openStream(family); });
  return Napi::Number::New(info.Env(), opened);
}

}  // namespace

void defineSockets(Napi::Object exports) { define<tcpSocket>(exports, "tcpSocket"); }

}  // namespace inboard
