package io.kith.server.istio;

import io.kith.istio.MeshSettings.Tcp;

/** The recipes as people write them. */
enum RecipeWord {
  baseline(Tcp.BASELINE),
  strict(Tcp.STRICT);

  final Tcp tcp;

  RecipeWord(Tcp tcp) {
    this.tcp = tcp;
  }
}
