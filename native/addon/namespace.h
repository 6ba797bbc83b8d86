#pragma once

#include <sched.h>

#include <system_error>
#include <thread>

#include "failure.h"

namespace inboard {

/**
 * What `action` returns in the network namespace of a descriptor: on a thread that ends with it, since one of Node's
 * own that could not find its way back would take what runs on it later along.
 */
template <class Action>
int insideNetwork(int network, Action action) {
  int result = -1;
  Failure failure{0, "setns", ""};
  const auto inside = [&] {
    try {
      check(setns(network, CLONE_NEWNET), "setns");
      result = action();
    } catch (const Failure& thrown) {
      failure = thrown;
    }
  };
  try {
    std::thread(inside).join();
  } catch (const std::system_error& error) {
    throw Failure{error.code().value(), "pthread_create", ""};
  }
  if (failure.number != 0) throw failure;
  return result;
}

}  // namespace inboard
