create table kith_change (
  position bigint primary key check (position > 0),
  at text not null,
  author text not null,
  note text not null,
  kind text not null,
  subject text not null,
  body text not null,
  seal text not null
);

create table kith_learned (
  owner text not null,
  replica text not null,
  part text not null,
  body text not null,
  primary key (owner, replica, part)
);
