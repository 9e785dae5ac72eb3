create table kith_sidecar (
  pod text primary key,
  open boolean not null,
  asked bigint not null,
  version bigint not null,
  replica text not null,
  owner text not null,
  body text not null
);

create index kith_sidecar_by_version on kith_sidecar (version, pod);

create table kith_sidecar_news (
  version bigint not null
);

insert into kith_sidecar_news (version) values (0);
