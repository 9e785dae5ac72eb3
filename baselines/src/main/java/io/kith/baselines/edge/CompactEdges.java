package io.kith.baselines.edge;

import java.lang.ref.WeakReference;
import java.util.AbstractList;
import java.util.Iterator;
import java.util.List;
import java.util.Spliterator;
import org.jspecify.annotations.Nullable;

/**
 * The edges of a baseline in a form that takes little room, and as objects only while somebody has
 * {@link #made them}. Thread-safe.
 */
public abstract class CompactEdges extends AbstractList<Edge> {
  private final int size;
  private volatile @Nullable WeakReference<List<Edge>> made;

  protected CompactEdges(int size) {
    this.size = size;
  }

  /** Makes them anew, all of them in their order. */
  protected abstract List<Edge> make();

  /**
   * All of them as objects: the same ones for whoever asks while somebody still has the list that
   * this returned, later other ones that are equal.
   */
  public final List<Edge> made() {
    var before = made;
    var list = before == null ? null : before.get();
    if (list == null) {
      list = List.copyOf(make());
      made = new WeakReference<>(list);
    }
    return list;
  }

  @Override
  public final int size() {
    return size;
  }

  @Override
  public final Edge get(int index) {
    return made().get(index);
  }

  @Override
  public final Iterator<Edge> iterator() {
    return made().iterator();
  }

  @Override
  public final Spliterator<Edge> spliterator() {
    return made().spliterator();
  }
}
