ALTER TABLE `shop`.`ios` MODIFY TTL event_time + toIntervalSecond(86400)
