package io.kith.load.store;

import io.kith.baselines.store.BaselineStore;
import io.kith.server.store.InMemoryStore;
import org.jspecify.annotations.Nullable;

class InMemoryStoreContractTest extends BaselineStoreContract {
  private @Nullable InMemoryStore only;

  @Override
  synchronized BaselineStore open() {
    only = only == null ? new InMemoryStore() : only;
    return only;
  }
}
