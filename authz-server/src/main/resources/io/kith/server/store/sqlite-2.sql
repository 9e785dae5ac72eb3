create index kith_change_by_subject on kith_change (substr(subject, 1, 100), position);
